import type { CancelSignal, Digest } from "@cpm/base";
import { sourceOf } from "@cpm/base";
import type { PackageName } from "@cpm/model";
import { emptyDescriptor, formatManifest, mediaTypes, parseManifestBytes } from "@cpm/oci";
import type { Descriptor, OciManifest, Store } from "@cpm/oci";
import { copyContent, digestOf, readManifestBytes } from "@cpm/store";
import { bundleMediaType, createSignatureBundle, publishPredicateType } from "@cpm/trust";
import type { Signer } from "@cpm/trust";
import { readPackageContents } from "../package/read-contents.ts";

export interface SignedPackage {
  readonly name: PackageName;
  readonly version: string;
  /** What was signed: the manifest, or the index over several platforms. */
  readonly digest: Digest;
  /** Of the manifest that carries the signature. */
  readonly signature: Digest;
  readonly keyId: string;
}

/**
 * Signs a package that is in a store, and puts the signature beside it as cosign does: a manifest of its own whose subject
 * is the package. The package itself stays as it is. With an Ed25519 key the same again changes nothing.
 */
export async function signPackage(
  store: Store,
  root: Descriptor,
  signer: Signer,
  signal?: CancelSignal,
): Promise<SignedPackage> {
  const { manifest } = await readPackageContents(store, root, undefined, signal);
  const { name, version } = manifest;
  const digests = [root.digest, ...(await platformDigests(store, root, signal))];
  const bundle = createSignatureBundle({ name, version: version.text, digests }, signer);
  const layer = { mediaType: bundleMediaType, digest: digestOf(bundle), sizeBytes: bundle.length };
  for (const [content, bytes] of [
    [emptyDescriptor, emptyDescriptor.data ?? bundle],
    [layer, bundle],
  ] as const)
    await copyContent({ read: () => sourceOf(bytes) }, store, content, undefined, signal);
  const document = formatManifest(referrerOf(root, layer));
  const signature = digestOf(document);
  const descriptor = { mediaType: mediaTypes.manifest, digest: signature, sizeBytes: document.length };
  await store.putManifest(descriptor, document, [], { signal });
  return { name, version: version.text, digest: root.digest, signature, keyId: signer.publicKey.id };
}

/** Cosign's layout of a bundle as a referrer (BUNDLE_SPEC), without the time of its making, which nothing vouches for. */
function referrerOf({ mediaType, digest, sizeBytes }: Descriptor, layer: Descriptor): OciManifest {
  return {
    kind: "manifest",
    mediaType: mediaTypes.manifest,
    artifactType: bundleMediaType,
    config: emptyDescriptor,
    layers: [layer],
    subject: { mediaType, digest, sizeBytes },
    annotations: {
      "dev.sigstore.bundle.content": "dsse-envelope",
      "dev.sigstore.bundle.predicateType": publishPredicateType,
    },
  };
}

async function platformDigests(
  store: Store,
  root: Descriptor,
  signal: CancelSignal | undefined,
): Promise<readonly Digest[]> {
  const document = parseManifestBytes(await readManifestBytes(store, root, signal), root.mediaType);
  return document.kind === "index" ? document.manifests.map(({ digest }) => digest) : [];
}
