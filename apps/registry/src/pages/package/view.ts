import type { Digest } from "@cpm/base";
import type { Manifest } from "@cpm/model";
import type { Downloads } from "../../metadata.ts";
import type { DeprecationNotice, YankNotice } from "../../metadata.ts";
import type { Visitor } from "../layout.ts";

/** All that the page of a package shows, of one of its versions. */
export interface PackageView {
  readonly visitor: Visitor;
  readonly manifest: Manifest;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly publishedAt: number;
  /** Whether the address names the version, and not only the package. */
  readonly pinned: boolean;
  readonly newest: string;
  readonly readme?: string;
  readonly yanked?: YankNotice;
  readonly deprecated?: DeprecationNotice;
  readonly platforms: readonly PlatformRow[];
  /** From the highest to the lowest. */
  readonly versions: readonly VersionItem[];
  /** Of all versions. */
  readonly downloads: Downloads;
  /** Of its namespace, by name. */
  readonly owners: readonly string[];
  readonly private: boolean;
  readonly nowMs: number;
}

export interface VersionItem {
  readonly version: string;
  readonly publishedAt: number;
  readonly sizeBytes: number;
  readonly yanked?: YankNotice;
}

export interface PlatformRow {
  /** `os/architecture`; undefined when it is for all. */
  readonly platform?: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
}
