import { afterAll, beforeAll, expect, test } from "bun:test";
import { encodeUtf8, sourceOf } from "@cpm/base";
import { emptyDescriptor, formatManifest, mediaTypes } from "@cpm/oci";
import type { Descriptor } from "@cpm/oci";
import { copyContent, copyGraph, digestOf, generateSigningKeyPem, MemoryStore, openSigner } from "@cpm/store";
import { bundleMediaType, maxBundleBytes, maxBundles } from "@cpm/trust";
import { manifest, Scratch } from "../testing/packages.ts";
import { readSignatures } from "./read-signatures.ts";
import { signPackage } from "./sign-package.ts";

const scratch = new Scratch();
const ada = openSigner(generateSigningKeyPem());
const store = new MemoryStore();
let root: Descriptor;
beforeAll(async () => {
  const payload = 'payload: [{include: ["x/**"], platform: linux/amd64}, {include: ["y/**"], platform: linux/arm64}]\n';
  const files = { "colony.yaml": manifest("a/signed", "1.0.0", payload), "x/run.sh": "x", "y/run.sh": "y" };
  const packed = await scratch.pack(files);
  ({ root } = packed);
  await copyGraph(packed.store, store, root);
});
afterAll(() => scratch.remove());

/** Puts something of the type of a bundle beside the package. */
async function attach(bytes: Uint8Array, layers = 1): Promise<void> {
  const layer = { mediaType: bundleMediaType, digest: digestOf(bytes), sizeBytes: bytes.length };
  await copyContent({ read: () => sourceOf(bytes) }, store, layer);
  await copyContent({ read: () => sourceOf(encodeUtf8("{}")) }, store, emptyDescriptor);
  const artifact = { mediaType: mediaTypes.manifest, artifactType: bundleMediaType, config: emptyDescriptor };
  const all = Array.from({ length: layers }, () => layer);
  const document = formatManifest({ kind: "manifest", ...artifact, layers: all, subject: root });
  const descriptor = { mediaType: mediaTypes.manifest, digest: digestOf(document), sizeBytes: document.length };
  await store.putManifest(descriptor, document);
}

test("a signature names the index and each platform, stands beside the package once, and leaves it as it is", async () => {
  const before = await store.stat(root.digest);
  const signed = await signPackage(store, root, ada);
  expect(signed).toMatchObject({ name: "a/signed", version: "1.0.0", digest: root.digest, keyId: ada.publicKey.id });
  expect((await signPackage(store, root, ada)).signature).toBe(signed.signature);
  expect(await store.stat(root.digest)).toEqual(before);
  const bundles = await readSignatures(store, root.digest);
  expect(bundles).toHaveLength(1);
  const { dsseEnvelope } = JSON.parse(new TextDecoder().decode(bundles[0]));
  const { subject } = JSON.parse(Buffer.from(dsseEnvelope.payload, "base64").toString());
  expect(subject).toHaveLength(3);
  expect(subject[0]).toEqual({ name: "a/signed", digest: { sha256: root.digest.slice(7) } });
});

test("what is too large, of several layers, broken or of another package is passed over, and what fails is not", async () => {
  await attach(new Uint8Array(maxBundleBytes + 1));
  await attach(encodeUtf8("two of them"), 2);
  expect(await readSignatures(store, root.digest)).toHaveLength(1);
  const [referrer] = await store.referrers(root.digest, bundleMediaType);
  if (referrer === undefined) throw new Error("there is no referrer");
  const broken = encodeUtf8("no manifest");
  const unread = { ...referrer, digest: digestOf(broken), sizeBytes: broken.length };
  const misled = {
    stat: (digest: typeof root.digest) => store.stat(digest),
    resolve: (tag: string) => store.resolve(tag),
    tags: () => store.tags(),
    referrers: async () => [unread, ...(await store.referrers(root.digest, bundleMediaType))],
    read: (content: Descriptor) => (content.digest === unread.digest ? sourceOf(broken) : store.read(content)),
  };
  expect(await readSignatures(misled, root.digest)).toHaveLength(1);
  expect(await readSignatures(misled, digestOf(broken))).toHaveLength(0);
  const away = {
    ...misled,
    read(): AsyncGenerator<Uint8Array> {
      throw new Error("away");
    },
  };
  await expect(readSignatures(away, root.digest)).rejects.toThrow("away");
});

test("of many no more than a few are read", async () => {
  for (let count = 0; count < maxBundles + 8; count++) await attach(encodeUtf8(`bundle ${count}`));
  const read: string[] = [];
  const counting = {
    stat: (digest: typeof root.digest) => store.stat(digest),
    resolve: (tag: string) => store.resolve(tag),
    tags: () => store.tags(),
    referrers: () => store.referrers(root.digest, bundleMediaType),
    read(content: Descriptor) {
      if (content.mediaType === mediaTypes.manifest) read.push(content.digest);
      return store.read(content);
    },
  };
  await readSignatures(counting, root.digest);
  expect(read).toHaveLength(maxBundles);
});
