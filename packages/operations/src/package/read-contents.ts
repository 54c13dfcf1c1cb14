import type { CancelSignal, CpmError, Digest } from "@cpm/base";
import { collectBytes } from "@cpm/base";
import type { Manifest, PackageConfig } from "@cpm/model";
import { packageMediaTypes, parsePackageConfig } from "@cpm/model";
import type { Descriptor, OciManifest, StoreReader } from "@cpm/oci";
import { parseManifestBytes } from "@cpm/oci";
import { readManifestBytes, verifiedBytes } from "@cpm/store";
import { operationError } from "../errors.ts";

/** What the manifest and the config of one variant of a package tell. No archive has been opened. */
export interface PackageContents {
  readonly source: StoreReader;
  /** What was asked for: the manifest, or the index over several. Its digest is the package's. */
  readonly root: Descriptor;
  /** Of the variant's own manifest. */
  readonly digest: Digest;
  readonly manifest: Manifest;
  readonly config: PackageConfig;
  readonly layers: readonly Descriptor[];
}

const maxConfigBytes = 1024 * 1024;

/**
 * Reads manifest and config of the variant for one platform (`os/arch`; the first that there is when none is given).
 * Throws `package/no-platform`, `package/not-a-package` and the readers' own errors.
 */
export async function readPackageContents(
  source: StoreReader,
  root: Descriptor,
  platform: string | undefined,
  signal?: CancelSignal,
): Promise<PackageContents> {
  const { document, digest } = await chooseVariant(source, root, platform, signal);
  if (document.artifactType !== packageMediaTypes.artifact || document.config.mediaType !== packageMediaTypes.config) {
    throw notAPackage(digest, `it is ${document.artifactType ?? document.config.mediaType}`);
  }
  const bytes = await collectBytes(
    verifiedBytes(source.read(document.config, { signal }), document.config),
    maxConfigBytes,
  );
  const config = parsePackageConfig(bytes);
  if (config.layers.length !== document.layers.length)
    throw notAPackage(digest, "config and manifest list other layers");
  return { source, root, digest, manifest: config.manifest, config, layers: document.layers };
}

async function chooseVariant(
  source: StoreReader,
  root: Descriptor,
  platform: string | undefined,
  signal: CancelSignal | undefined,
): Promise<{ document: OciManifest; digest: Digest }> {
  const document = parseManifestBytes(await readManifestBytes(source, root, signal), root.mediaType);
  if (document.kind === "manifest") return { document, digest: root.digest };
  const nameOf = (entry: Descriptor): string => `${entry.platform?.os}/${entry.platform?.architecture}`;
  const chosen = document.manifests.find((entry) => platform === undefined || nameOf(entry) === platform);
  if (chosen === undefined) {
    const offered = document.manifests.map(nameOf).join(", ");
    throw operationError("package/no-platform", `the package has nothing for ${platform}`, {
      hint: `It has ${offered}.`,
    });
  }
  const variant = parseManifestBytes(await readManifestBytes(source, chosen, signal), chosen.mediaType);
  if (variant.kind === "index") throw notAPackage(chosen.digest, "it is an index within an index");
  return { document: variant, digest: chosen.digest };
}

export function notAPackage(digest: Digest, why: string): CpmError {
  return operationError("package/not-a-package", `${digest} is no package: ${why}`, { context: { digest } });
}
