import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { concatBytes, emptySource, isCpmError, sourceOf } from "@cpm/base";
import type { ByteSource, Digest } from "@cpm/base";
import { digestOf } from "@cpm/store";
import { Uploads } from "../uploads.ts";
import type { FinishedUpload } from "../uploads.ts";
import { MemoryUploadRecords } from "./memory-upload-records.ts";
import type { ObjectStorage } from "./object-storage.ts";

/** A storage that holds nothing yet. */
export interface ObjectsUnderTest {
  /** The same place, as another process has it. */
  readonly open: () => ObjectStorage;
  /** What is kept aside at a place, as a person finds it. */
  readonly kept: (place: string, sizeBytes: number) => Promise<Uint8Array>;
  readonly stop: () => Promise<void> | void;
}

const mebibyte = 1024 ** 2;
const maxBlobBytes = 64 * mebibyte;

/** What every storage of objects promises, by itself and under `Uploads`. */
export function testObjectStorage(name: string, start: () => Promise<ObjectsUnderTest>): void {
  describe(`objects in ${name}`, () => {
    let place: ObjectsUnderTest;
    let storage: ObjectStorage;
    const records = new MemoryUploadRecords();
    let nowMs = 1_000_000;
    let uploads: Uploads;
    /** Another process with the same storage and database. */
    const replica = (): Uploads =>
      new Uploads({
        storage: place.open(),
        records,
        maxBlobBytes,
        onBytes: () => {},
        untilFree: async () => {},
        now: () => nowMs,
      });
    beforeAll(async () => {
      place = await start();
      storage = place.open();
      uploads = replica();
    }, 600_000);
    afterAll(() => place.stop());

    const begin = () => uploads.create("a/b", "ada");
    const append = async (id: string, body: ByteSource, startBytes?: number, by = uploads) =>
      by.append(await by.find(id, "a/b", "ada"), body, startBytes);
    /** Finishes, and answers what a database would have recorded. */
    const finish = async (id: string, body: ByteSource, digest: Digest, by = uploads, startBytes?: number) => {
      const recorded: FinishedUpload[] = [];
      await by.finish(await by.find(id, "a/b", "ada"), body, digest, startBytes, async (finished) => {
        recorded.push(finished);
        await records.remove(id);
        return true;
      });
      const [only] = recorded;
      if (only === undefined) throw new Error("nothing was recorded");
      return only;
    };
    const contentOf = async ({ object, sizeBytes }: Pick<FinishedUpload, "object" | "sizeBytes">) => {
      const parts: Uint8Array[] = [];
      for await (const part of storage.read(object, sizeBytes)) parts.push(part);
      return concatBytes(parts);
    };
    const put = async (bytes: Uint8Array) => finish((await begin()).id, sourceOf(bytes), digestOf(bytes));
    const names = async () => {
      const found: string[] = [];
      for await (const page of storage.pages()) found.push(...page.map((entry) => entry.object));
      return found;
    };

    test.each([0, 1, 1000, 600_000, 8 * mebibyte, 8 * mebibyte + 1, 21 * mebibyte])(
      "an upload of %d bytes in one body",
      async (sizeBytes) => {
        const bytes = noise(sizeBytes);
        const finished = await put(bytes);
        expect(finished.sizeBytes).toBe(sizeBytes);
        expect(digestOf(await contentOf(finished))).toBe(digestOf(bytes));
      },
      60_000,
    );

    test.each([
      [100, 10],
      [700_000, 20],
      [mebibyte, 20],
      [3 * mebibyte, 7],
      [9 * mebibyte, 2],
    ])(
      "an upload in chunks of %d bytes, %d times, each in another process",
      async (chunkBytes, count) => {
        const bytes = noise(chunkBytes * count);
        const { id } = await begin();
        for (let turn = 0; turn < count; turn++) {
          const by = storage.shared ? replica() : uploads;
          const chunk = bytes.slice(turn * chunkBytes, (turn + 1) * chunkBytes);
          expect(await append(id, pieces(chunk, 100_000), turn * chunkBytes, by)).toBe((turn + 1) * chunkBytes);
        }
        const finished = await finish(id, emptySource(), digestOf(bytes), storage.shared ? replica() : uploads);
        expect(digestOf(await contentOf(finished))).toBe(digestOf(bytes));
      },
      120_000,
    );

    test("a hundred chunks of a byte", async () => {
      const bytes = noise(100);
      const { id } = await begin();
      for (let at = 0; at < bytes.length; at++) await append(id, sourceOf(bytes.slice(at, at + 1)), at);
      const finished = await finish(id, emptySource(), digestOf(bytes));
      expect(await contentOf(finished)).toEqual(bytes);
    }, 60_000);

    test.each([1000, 17 * mebibyte])(
      "sha512 of %d bytes, found out at the end",
      async (sizeBytes) => {
        const bytes = noise(sizeBytes);
        const { id } = await begin();
        const finished = await finish(id, sourceOf(bytes), digestOf(bytes, "sha512"));
        expect(digestOf(await contentOf(finished))).toBe(digestOf(bytes));
      },
      60_000,
    );

    test.each([1000, 17 * mebibyte])(
      "a wrong digest of %d bytes leaves nothing",
      async (sizeBytes) => {
        const before = await names();
        for (const algorithm of ["sha256", "sha512"] as const) {
          const { id } = await begin();
          const wrong = digestOf(noise(5), algorithm);
          expect(await codeOf(finish(id, sourceOf(noise(sizeBytes)), wrong))).toBe("registry-server/digest-invalid");
          expect(await records.load(id)).toBeUndefined();
        }
        expect(await names()).toEqual(before);
      },
      60_000,
    );

    test("what came before a body broke off is kept", async () => {
      const bytes = noise(9 * mebibyte);
      const { id } = await begin();
      const cut = 8 * mebibyte + 12_345;
      expect(await codeOf(append(id, breaking(bytes.slice(0, cut))))).toBe("broken");
      expect(await uploads.sizeBytes(await uploads.find(id, "a/b", "ada"))).toBe(cut);
      const finished = await finish(id, sourceOf(bytes.slice(cut)), digestOf(bytes), uploads, cut);
      expect(digestOf(await contentOf(finished))).toBe(digestOf(bytes));
    }, 60_000);

    test.each([1000, 17 * mebibyte])(
      "a failed record of %d bytes can be asked for again",
      async (sizeBytes) => {
        const bytes = noise(sizeBytes);
        const { id } = await begin();
        const failing = uploads.finish(await uploads.find(id, "a/b", "ada"), sourceOf(bytes), digestOf(bytes), 0, () =>
          Promise.reject(new Error("the database is away")),
        );
        expect(await failing.catch((error: Error) => error.message)).toBe("the database is away");
        // Neither more bytes nor another digest is taken for it; and the right one is, by whom it may.
        expect(await codeOf(append(id, sourceOf(noise(1)), sizeBytes))).toBe("registry-server/upload-range");
        const finished = await finish(id, emptySource(), digestOf(bytes), storage.shared ? replica() : uploads);
        expect(digestOf(await contentOf(finished))).toBe(digestOf(bytes));
      },
      60_000,
    );

    test("a writer that was taken over from does no harm", async () => {
      const bytes = noise(20 * mebibyte);
      const { id } = await begin();
      const { promise: goOn, resolve } = Promise.withResolvers<void>();
      const slow = codeOf(append(id, stalling(noise(9 * mebibyte, 7), goOn), 0));
      while ((await records.load(id))?.version !== 1) await Bun.sleep(5);
      const by = storage.shared ? replica() : uploads;
      const standing = await by.sizeBytes(await by.find(id, "a/b", "ada"));
      if (storage.shared) {
        expect(standing).toBe(0);
        const finished = await finish(id, sourceOf(bytes), digestOf(bytes), by, 0);
        resolve();
        expect(await slow).toBe("registry-server/upload-range");
        expect(digestOf(await contentOf(finished))).toBe(digestOf(bytes));
      } else {
        await append(id, emptySource(), await uploads.sizeBytes(await by.find(id, "a/b", "ada")));
        resolve();
        expect(await slow).toBe("registry-server/upload-range");
      }
    }, 60_000);

    test("a limit on size stops while it streams", async () => {
      const { id } = await begin();
      const body = pieces(noise(maxBlobBytes + 1), mebibyte);
      expect(await codeOf(append(id, body))).toBe("registry-server/too-large");
      await uploads.cancel(await uploads.find(id, "a/b", "ada"));
    }, 60_000);

    test("cancelling leaves nothing", async () => {
      const before = await names();
      for (const sizeBytes of [10, 9 * mebibyte]) {
        const { id } = await begin();
        await append(id, sourceOf(noise(sizeBytes)));
        await uploads.cancel(await uploads.find(id, "a/b", "ada"));
        expect(await codeOf(append(id, emptySource()))).toBe("registry-server/upload-unknown");
        await storage.discard(id, {});
      }
      expect(await names()).toEqual(before);
    }, 60_000);

    test("uploads of which nothing is heard expire, and others do not", async () => {
      const { id: old } = await begin();
      await append(old, sourceOf(noise(1000)));
      nowMs += 1000;
      const { id: young } = await begin();
      nowMs += 500;
      expect(await uploads.expire(1000)).toBeGreaterThanOrEqual(1);
      expect(await records.load(old)).toBeUndefined();
      expect(await records.load(young)).toBeDefined();
    });

    test.each([
      [0, 1],
      [0, 9 * mebibyte],
      [5, 1000],
      [mebibyte, 9 * mebibyte],
      [9 * mebibyte - 1, 9 * mebibyte],
    ])(
      "bytes %d to %d of an object",
      async (startBytes, endBytes) => {
        const bytes = noise(9 * mebibyte);
        const { object, sizeBytes } = await put(bytes);
        const response = new Response(await storage.body(object, sizeBytes, { startBytes, endBytes }));
        const expected = digestOf(bytes.slice(startBytes, endBytes));
        expect(digestOf(new Uint8Array(await response.arrayBuffer()))).toBe(expected);
        const parts: Uint8Array[] = [];
        for await (const part of storage.read(object, sizeBytes, { startBytes, endBytes })) parts.push(part);
        expect(digestOf(concatBytes(parts))).toBe(expected);
      },
      60_000,
    );

    test("an object that is gone, or of another size, is lost and no short body", async () => {
      const { object, sizeBytes } = await put(noise(4000, 99));
      const read = (size: number) => codeOf(storage.body(object, size, { startBytes: 0, endBytes: size }));
      expect(await read(sizeBytes)).toBe("nothing was thrown");
      expect(await read(sizeBytes - 1)).toBe("registry-server/content-lost");
      await storage.remove(object);
      expect(await read(sizeBytes)).toBe("registry-server/content-lost");
    });

    test("what an object has is kept aside, found by nobody, and stays when the object is replaced or removed", async () => {
      const bytes = noise(3000, 5);
      const finished = await put(bytes);
      const before = await names();
      const aside = await storage.quarantine(finished.object, "1");
      expect(aside).toStartWith("quarantine/");
      expect(await names()).toEqual(before);
      expect(await place.kept(aside ?? "", bytes.length)).toEqual(bytes);
      expect(await storage.quarantine(finished.object, "1")).toBe(aside);
      expect(await storage.quarantine(finished.object, "2")).not.toBe(aside);
      expect(await contentOf(await put(bytes))).toEqual(bytes);
      await storage.remove(finished.object);
      expect(await place.kept(aside ?? "", bytes.length)).toEqual(bytes);
      expect(await storage.quarantine(finished.object, "3")).toBeUndefined();
    });

    test("objects are listed in byte order, page by page, with the uploads that made them", async () => {
      for (let turn = 0; turn < 5; turn++) await put(noise(100 + turn, turn));
      const all = await names();
      expect(all.length).toBeGreaterThanOrEqual(5);
      expect(all).toEqual(all.toSorted((left, right) => (left < right ? -1 : 1)));
      expect(new Set(all).size).toBe(all.length);
      const { id } = await begin();
      await append(id, sourceOf(noise(10)));
      const under = (await names()).filter((object) => storage.uploadOf(object) === id);
      expect(under).toHaveLength(storage.shared ? 1 : 0);
    });

    test("is checked by a probe that is not left behind", async () => {
      const before = await names();
      await storage.check();
      expect(await names()).toEqual(before);
    });
  });
}

/** Bytes that no part of them resembles another. */
function noise(sizeBytes: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(sizeBytes);
  let state = seed;
  for (let at = 0; at < sizeBytes; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

async function* pieces(bytes: Uint8Array, sizeBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += sizeBytes) yield bytes.slice(at, at + sizeBytes);
}

async function* breaking(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
  throw Object.assign(new Error("the connection broke"), { code: "broken" });
}

async function* stalling(bytes: Uint8Array, goOn: Promise<void>): AsyncGenerator<Uint8Array> {
  yield bytes.slice(0, 1000);
  await goOn;
  yield bytes.slice(1000);
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "nothing was thrown";
  } catch (error) {
    if (isCpmError(error)) return error.code;
    if (error instanceof Error && "code" in error) return String(error.code);
    throw error;
  }
}
