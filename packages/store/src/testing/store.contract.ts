import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { ByteSource, Digest } from "@cpm/base";
import { collectBytes, concatBytes, encodeUtf8, isCpmError } from "@cpm/base";
import { emptyDescriptor, formatManifest, mediaTypes } from "@cpm/oci";
import type { Descriptor, OciManifest, Store } from "@cpm/oci";
import { digestOf } from "../hash.ts";

/** A fresh store for each case, and how to be rid of it. */
export interface StoreUnderTest {
  readonly store: Store;
  /** Another view of the same content, as another client would have it. */
  readonly again: () => Promise<Store>;
  readonly dispose: () => Promise<void>;
  /** Whether a suspended ingest continues where it stopped. Default true. */
  readonly resumes?: boolean;
  /** The code of the refusal to remove a tag, of a registry that cannot. Default: it can. */
  readonly untagRefused?: string;
}

/** The promises of the `Store` contract, as every implementation must keep them. */
export function describeStore(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`${name} keeps the store contract`, () => {
    let subject: StoreUnderTest;
    let store: Store;
    beforeEach(async () => {
      subject = await make();
      store = subject.store;
    });
    afterEach(async () => subject.dispose());

    const text = encodeUtf8("hello, store");
    const content = describeBytes(text);

    describe("content", () => {
      test("is absent before it is written", async () => {
        expect(await store.stat(content.digest)).toBeUndefined();
        expect(await codeOf(read(store, content))).toBe("store/not-found");
      });

      test("is there after commit, whole", async () => {
        await put(store, text);
        expect(await store.stat(content.digest)).toEqual({ sizeBytes: text.length });
        expect(await read(store, content)).toEqual(text);
        expect(await read(await subject.again(), content)).toEqual(text);
      });

      test("may be empty", async () => {
        const empty = new Uint8Array(0);
        await put(store, empty);
        expect(await read(store, describeBytes(empty))).toEqual(empty);
      });

      test("is read in parts", async () => {
        await put(store, text);
        expect(await collectBytes(store.read(content, { offsetBytes: 7 }), 100)).toEqual(text.slice(7));
        expect(await collectBytes(store.read(content, { offsetBytes: 2, lengthBytes: 3 }), 100)).toEqual(
          text.slice(2, 5),
        );
        expect(await collectBytes(store.read(content, { offsetBytes: 5, lengthBytes: 1000 }), 100)).toEqual(
          text.slice(5),
        );
      });

      test("larger than any buffer comes back the same", async () => {
        const large = Uint8Array.from({ length: 5_000_000 }, (_, at) => (at * 2654435761) >>> 11);
        await put(store, large);
        expect(digestOf(await read(store, describeBytes(large)))).toBe(digestOf(large));
      });

      test("with a sha512 digest is kept under it", async () => {
        const descriptor = { ...content, digest: digestOf(text, "sha512") };
        await put(store, text, descriptor);
        expect(await read(store, descriptor)).toEqual(text);
      });

      test("written twice is written once", async () => {
        await put(store, text);
        expect(await store.ingest(content)).toBeUndefined();
      });
    });

    describe("an ingest", () => {
      test("shows nothing before its commit", async () => {
        const ingest = await open(store, content);
        await ingest.write(text);
        expect(await store.stat(content.digest)).toBeUndefined();
        await ingest.commit();
        expect(await store.stat(content.digest)).toEqual({ sizeBytes: text.length });
      });

      test("of other bytes is refused and forgotten", async () => {
        const ingest = await open(store, content);
        await ingest.write(encodeUtf8("HELLO, STORE"));
        expect(await codeOf(ingest.commit())).toBe("store/digest-mismatch");
        expect(await store.stat(content.digest)).toBeUndefined();
        await put(store, text);
        expect(await read(store, content)).toEqual(text);
      });

      test("of too many bytes is refused", async () => {
        const ingest = await open(store, content);
        await ingest.write(text);
        expect(await codeOf(ingest.write(Uint8Array.of(1)))).toBe("store/too-long");
        await ingest.discard();
        expect(await store.stat(content.digest)).toBeUndefined();
      });

      test("of too few bytes is refused and can be finished", async () => {
        const ingest = await open(store, content);
        await ingest.write(text.subarray(0, 5));
        expect(await codeOf(ingest.commit())).toBe("store/too-short");
        expect(await store.stat(content.digest)).toBeUndefined();
        await put(store, text);
        expect(await read(store, content)).toEqual(text);
      });

      test("that was suspended goes on where it stopped", async () => {
        const first = await open(store, content);
        await first.write(text.subarray(0, 5));
        await first.suspend();
        expect(await store.stat(content.digest)).toBeUndefined();
        const second = await open(store, content);
        if (subject.resumes !== false) expect(second.offsetBytes).toBe(5);
        await second.write(text.subarray(second.offsetBytes));
        await second.commit();
        expect(await read(store, content)).toEqual(text);
      });

      test("that was discarded begins anew", async () => {
        const first = await open(store, content);
        await first.write(text.subarray(0, 5));
        await first.discard();
        const second = await open(store, content);
        expect(second.offsetBytes).toBe(0);
        await second.discard();
      });

      test("of what is being written waits, and then finds it", async () => {
        const first = await open(store, content);
        const second = store.ingest(content);
        await first.write(text);
        await first.commit();
        expect(await second).toBeUndefined();
      });

      test("that waits takes over when the first gives up", async () => {
        const first = await open(store, content);
        const second = store.ingest(content);
        await first.discard();
        const ingest = await second;
        expect(ingest).toBeDefined();
        await ingest?.write(text);
        await ingest?.commit();
        expect(await read(store, content)).toEqual(text);
      });

      test("of one content by 16 at once ends with that content", async () => {
        await Promise.all(Array.from({ length: 16 }, () => put(store, text)));
        expect(await read(store, content)).toEqual(text);
      });

      test("keeps a copy of the chunk, not the caller's buffer", async () => {
        const buffer = text.slice();
        const ingest = await open(store, content);
        await ingest.write(buffer);
        buffer.fill(0);
        await ingest.commit();
        expect(await read(store, content)).toEqual(text);
      });
    });

    describe("a manifest", () => {
      test("needs what it refers to", async () => {
        const { descriptor, bytes } = manifestOf({ layers: [content] });
        expect(await codeOf(store.putManifest(descriptor, bytes, ["1.0.0"]))).toBe("store/incomplete");
        expect(await store.resolve("1.0.0")).toBeUndefined();
        expect(await store.stat(descriptor.digest)).toBeUndefined();
      });

      test("is found by its tags and its digest, byte for byte", async () => {
        const { descriptor, bytes } = await putManifest(store, { layers: [content] }, ["1.0.0", "newest"]);
        for (const tag of ["1.0.0", "newest"]) expect(await store.resolve(tag)).toEqual(descriptor);
        expect(await read(store, descriptor)).toEqual(bytes);
        expect(await (await subject.again()).resolve("1.0.0")).toEqual(descriptor);
      });

      test("without a tag is there by its digest", async () => {
        const { descriptor, bytes } = await putManifest(store, {}, []);
        expect(await read(store, descriptor)).toEqual(bytes);
        expect(await store.tags()).toEqual([]);
      });

      test("of other bytes than its digest says is refused", async () => {
        const { bytes } = manifestOf({});
        await put(store, encodeUtf8("{}"));
        const wrong = { mediaType: mediaTypes.manifest, digest: digestOf(text), sizeBytes: bytes.length };
        expect(await codeOf(store.putManifest(wrong, bytes, ["1.0.0"]))).toBe("store/digest-mismatch");
        expect(await store.resolve("1.0.0")).toBeUndefined();
      });

      test("that is none is refused", async () => {
        const bytes = encodeUtf8('{"schemaVersion":2,"mediaType":"text/plain"}');
        expect(
          await codeOf(store.putManifest({ ...describeBytes(bytes), mediaType: mediaTypes.manifest }, bytes, ["x"])),
        ).toBe("oci/invalid-manifest");
        expect(await store.resolve("x")).toBeUndefined();
      });

      test("put again under the same tag changes nothing", async () => {
        const { descriptor, bytes } = await putManifest(store, {}, ["1.0.0"]);
        await store.putManifest(descriptor, bytes, ["1.0.0"]);
        expect(await store.tags()).toEqual(["1.0.0"]);
      });

      test("of an index needs its children", async () => {
        const child = manifestOf({ annotations: { a: "1" } });
        await put(store, encodeUtf8("{}"));
        const bytes = formatManifest({ kind: "index", mediaType: mediaTypes.index, manifests: [child.descriptor] });
        const index = { mediaType: mediaTypes.index, digest: digestOf(bytes), sizeBytes: bytes.length };
        expect(await codeOf(store.putManifest(index, bytes, ["2.0.0"]))).toBe("store/incomplete");
        await store.putManifest(child.descriptor, child.bytes);
        await store.putManifest(index, bytes, ["2.0.0"]);
        expect(await store.resolve("2.0.0")).toEqual(index);
      });

      test("whose tag is no tag is refused", async () => {
        await put(store, encodeUtf8("{}"));
        const { descriptor, bytes } = manifestOf({});
        expect(await codeOf(store.putManifest(descriptor, bytes, ["not a tag"]))).toBe("oci/invalid-tag");
      });
    });

    describe("tags", () => {
      test("are listed in byte order", async () => {
        await putManifest(store, {}, ["b", "A", "a", "1.10.0", "1.9.0", "_"]);
        expect(await store.tags()).toEqual(["1.10.0", "1.9.0", "A", "_", "a", "b"]);
      });

      test("that do not exist resolve to nothing", async () => {
        expect(await store.resolve("none")).toBeUndefined();
        const { untagRefused } = subject;
        if (untagRefused === undefined) expect(await store.untag("none")).toBe(false);
        else expect(await codeOf(store.untag("none"))).toBe(untagRefused);
      });

      test("can be moved", async () => {
        await putManifest(store, { annotations: { v: "1" } }, ["newest"]);
        const { descriptor } = await putManifest(store, { annotations: { v: "2" } }, ["newest"]);
        expect(await store.resolve("newest")).toEqual(descriptor);
        expect(await store.tags()).toEqual(["newest"]);
      });

      test("can be removed without their content", async () => {
        const { descriptor } = await putManifest(store, {}, ["a", "b"]);
        const { untagRefused } = subject;
        if (untagRefused === undefined) expect(await store.untag("a")).toBe(true);
        else expect(await codeOf(store.untag("a"))).toBe(untagRefused);
        expect(await store.tags()).toEqual(untagRefused === undefined ? ["b"] : ["a", "b"]);
        expect(await store.stat(descriptor.digest)).toBeDefined();
      });

      test("put by 8 at once are all there", async () => {
        await put(store, encodeUtf8("{}"));
        const names = Array.from({ length: 8 }, (_, index) => `t${index}`);
        await Promise.all(names.map((tag) => putManifest(store, { annotations: { tag } }, [tag])));
        expect(await store.tags()).toEqual(names);
      });
    });

    describe("referrers", () => {
      test("are nothing for what nobody refers to", async () => {
        expect(await store.referrers(content.digest)).toEqual([]);
      });

      test("are listed with type and annotations, in byte order", async () => {
        const subjectManifest = await putManifest(store, {}, ["1.0.0"]);
        const signature = await putManifest(
          store,
          { subject: subjectManifest.descriptor, artifactType: "application/x.signature", annotations: { by: "ada" } },
          [],
        );
        const notes = await putManifest(
          store,
          { subject: subjectManifest.descriptor, artifactType: "application/x.notes" },
          [],
        );
        const listed = await store.referrers(subjectManifest.descriptor.digest);
        expect(listed.map((entry) => entry.digest)).toEqual(
          [signature.descriptor.digest, notes.descriptor.digest].sort(),
        );
        const found = listed.find((entry) => entry.digest === signature.descriptor.digest);
        expect(found).toMatchObject({ artifactType: "application/x.signature", annotations: { by: "ada" } });
        const narrowed = await store.referrers(subjectManifest.descriptor.digest, "application/x.notes");
        expect(narrowed.map((entry) => entry.digest)).toEqual([notes.descriptor.digest]);
      });

      test("may come before their subject", async () => {
        const later = manifestOf({ annotations: { later: "yes" } });
        const early = await putManifest(store, { subject: later.descriptor, artifactType: "application/x.early" }, []);
        expect((await store.referrers(later.descriptor.digest)).map((entry) => entry.digest)).toEqual([
          early.descriptor.digest,
        ]);
      });
    });

    describe("a cancelled call", () => {
      test("rejects with the reason", async () => {
        const reason = new Error("enough");
        const signal = AbortSignal.abort(reason);
        await put(store, text);
        expect(await rejection(collectBytes(store.read(content, { signal }), 100))).toBe(reason);
        expect(await rejection(store.ingest(describeBytes(encodeUtf8("other")), { signal }))).toBe(reason);
      });
    });
  });
}

/** A descriptor of bytes as a plain blob. */
export function describeBytes(bytes: Uint8Array): Descriptor {
  return { mediaType: mediaTypes.octetStream, digest: digestOf(bytes), sizeBytes: bytes.length };
}

/** Writes bytes through an ingest, in two chunks. */
export async function put(
  store: Store,
  bytes: Uint8Array,
  descriptor: Descriptor = describeBytes(bytes),
): Promise<Digest> {
  const ingest = await store.ingest(descriptor);
  if (ingest === undefined) return descriptor.digest;
  const rest = bytes.subarray(ingest.offsetBytes);
  const half = rest.length >> 1;
  for (const part of [rest.subarray(0, half), rest.subarray(half)]) if (part.length > 0) await ingest.write(part);
  await ingest.commit();
  return descriptor.digest;
}

function manifestOf(fields: Partial<OciManifest>): { descriptor: Descriptor; bytes: Uint8Array } {
  const { data: _, ...config } = emptyDescriptor;
  const bytes = formatManifest({
    kind: "manifest",
    mediaType: mediaTypes.manifest,
    artifactType: "application/x.test",
    config,
    layers: [],
    ...fields,
  });
  return { bytes, descriptor: { mediaType: mediaTypes.manifest, digest: digestOf(bytes), sizeBytes: bytes.length } };
}

async function putManifest(
  store: Store,
  fields: Partial<OciManifest>,
  tags: readonly string[],
): Promise<{ descriptor: Descriptor; bytes: Uint8Array }> {
  await put(store, encodeUtf8("{}"));
  for (const layer of fields.layers ?? []) if (layer.sizeBytes === 12) await put(store, encodeUtf8("hello, store"));
  const made = manifestOf(fields);
  await store.putManifest(made.descriptor, made.bytes, tags);
  return made;
}

async function open(store: Store, content: Descriptor) {
  const ingest = await store.ingest(content);
  if (ingest === undefined) throw new Error("the content is there already");
  return ingest;
}

async function read(store: Store, content: Descriptor): Promise<Uint8Array> {
  const source: ByteSource = store.read(content);
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part.slice());
  return concatBytes(parts);
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await rejection(promise);
  if (isCpmError(error)) return error.code;
  throw new Error(`expected one of our errors, got ${String(error)}`);
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("expected a rejection");
}
