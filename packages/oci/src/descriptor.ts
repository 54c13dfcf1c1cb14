import type { Digest } from "@cpm/base";

/** A pointer to content: what it is, which bytes, how many (OCI image-spec v1.1, descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly urls?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  /** The content itself, inline, base64 decoded. Checked against the digest by whoever uses it. */
  readonly data?: Uint8Array;
  readonly artifactType?: string;
  readonly platform?: Platform;
}

/** OCI image-spec v1.1, image-index.md. `os` and `architecture` use Go's names: linux, amd64. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly osVersion?: string;
  readonly osFeatures?: readonly string[];
}
