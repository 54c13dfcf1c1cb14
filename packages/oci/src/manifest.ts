import type { Descriptor } from "./descriptor.ts";

/** An image manifest, the one container of every artifact (OCI image-spec v1.1, manifest.md). */
export interface OciManifest {
  readonly kind: "manifest";
  readonly mediaType: string;
  readonly artifactType?: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** An image index: one artifact for several platforms (OCI image-spec v1.1, image-index.md). */
export interface OciIndex {
  readonly kind: "index";
  readonly mediaType: string;
  readonly artifactType?: string;
  readonly manifests: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: Readonly<Record<string, string>>;
}
