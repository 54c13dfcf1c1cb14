import type { CancelSignal, Digest } from "@cpm/base";
import type { PackageName } from "@cpm/model";
import { packageMediaTypes } from "@cpm/model";
import type { Descriptor, StoreReader } from "@cpm/oci";
import { mediaTypes, parseManifestBytes } from "@cpm/oci";
import { readManifestBytes } from "@cpm/store";
import { operationError } from "../errors.ts";

/** The descriptor of a package's digest: the digest alone does not tell the media type, the document does. */
export async function describeDigest(
  name: PackageName,
  digest: Digest,
  source: StoreReader,
  host: string,
  signal: CancelSignal | undefined,
): Promise<Descriptor> {
  const found = await source.stat(digest, { signal });
  if (found === undefined) throw operationError("package/not-found", `${host} has no ${name}@${digest}`);
  const descriptor = { mediaType: mediaTypes.manifest, digest, sizeBytes: found.sizeBytes };
  const document = parseManifestBytes(await readManifestBytes(source, descriptor, signal));
  if (document.artifactType !== packageMediaTypes.artifact)
    throw operationError("package/not-a-package", `${digest} is no package`);
  return { ...descriptor, mediaType: document.mediaType };
}
