import type { CancelSignal, Digest } from "@cpm/base";
import { collectBytes, isCpmError } from "@cpm/base";
import type { Descriptor, StoreReader } from "@cpm/oci";
import { mediaTypes, parseManifestBytes } from "@cpm/oci";
import { inParallel, readManifestBytes, verifiedBytes } from "@cpm/store";
import { bundleMediaType, maxBundleBytes, maxBundles } from "@cpm/trust";

/** The manifest of a bundle names one layer and a subject. */
const maxReferrerBytes = 64 * 1024;

/**
 * The signature bundles beside a manifest or index, as they are: nothing of them is believed. Of more than 32 the first
 * by digest are read; referrers of another form than cosign gives them are no bundles. Throws what asking the registry throws.
 */
export async function readSignatures(
  source: StoreReader,
  subject: Digest,
  signal?: CancelSignal,
): Promise<readonly Uint8Array[]> {
  const referrers = await source.referrers(subject, bundleMediaType, { signal });
  const read = new Map<Digest, Uint8Array>();
  const looked = referrers.slice(0, maxBundles);
  await inParallel(looked, 4, async (referrer) => {
    const bundle = await unlessBroken(() => readSignature(source, referrer, subject, signal));
    if (bundle !== undefined) read.set(referrer.digest, bundle);
  });
  return looked.flatMap(({ digest }) => read.get(digest) ?? []);
}

/** Whoever may push can put there what does not parse; that must not take the others away. A registry that fails still fails. */
async function unlessBroken(read: () => Promise<Uint8Array | undefined>): Promise<Uint8Array | undefined> {
  try {
    return await read();
  } catch (error) {
    if (isCpmError(error) && brokenCodes.includes(error.code)) return undefined;
    throw error;
  }
}

const brokenCodes: readonly string[] = [
  "oci/invalid-manifest",
  "store/digest-mismatch",
  "store/not-found",
  "store/too-long",
  "store/too-short",
];

async function readSignature(
  source: StoreReader,
  referrer: Descriptor,
  subject: Digest,
  signal: CancelSignal | undefined,
): Promise<Uint8Array | undefined> {
  if (referrer.mediaType !== mediaTypes.manifest || referrer.sizeBytes > maxReferrerBytes) return undefined;
  const manifest = parseManifestBytes(await readManifestBytes(source, referrer, signal), referrer.mediaType);
  if (manifest.kind === "index" || manifest.subject?.digest !== subject) return undefined;
  const [layer, another] = manifest.layers;
  if (layer === undefined || another !== undefined) return undefined;
  if (layer.mediaType !== bundleMediaType || layer.sizeBytes > maxBundleBytes) return undefined;
  return collectBytes(verifiedBytes(source.read(layer, { signal }), layer), maxBundleBytes);
}
