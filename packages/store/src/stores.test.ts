import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { collectBytes, encodeUtf8 } from "@cpm/base";
import { emptyDescriptor, formatManifest, mediaTypes } from "@cpm/oci";
import type { Ingest, Store } from "@cpm/oci";
import { copyGraph } from "./copy-graph.ts";
import type { CopyProgress } from "./copy-graph.ts";
import { createDirectoryStore, openDirectoryStore } from "./directory-store.ts";
import { digestOf, verifiedBytes } from "./hash.ts";
import { MemoryStore } from "./memory-store.ts";
import { currentProcess, isRunning, tryLock } from "./process-lock.ts";
import { describeBytes, describeStore, put } from "./testing/store.contract.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-store-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
let count = 0;
const fresh = () => join(scratch, `s${count++}`);

describeStore("MemoryStore", async () => {
  const store = new MemoryStore();
  return { store, again: async () => store, dispose: async () => {} };
});

describeStore("DirectoryStore", async () => {
  const root = fresh();
  return {
    store: createDirectoryStore(root),
    again: async () => openDirectoryStore(root),
    dispose: async () => rmSync(root, { recursive: true, force: true }),
  };
});

describeStore("DirectoryStore with repositories", async () => {
  const root = fresh();
  createDirectoryStore(root, "other/repository");
  return {
    store: createDirectoryStore(root, "rise/wordcount"),
    again: async () => openDirectoryStore(root, "rise/wordcount"),
    dispose: async () => rmSync(root, { recursive: true, force: true }),
  };
});

describe("a directory store", () => {
  test("is an OCI image layout that others can read", async () => {
    const root = fresh();
    await putPackage(createDirectoryStore(root), "1.0.0");
    expect(JSON.parse(readFileSync(join(root, "oci-layout"), "utf8"))).toEqual({ imageLayoutVersion: "1.0.0" });
    const index = JSON.parse(readFileSync(join(root, "index.json"), "utf8"));
    expect(index.manifests[0].annotations["org.opencontainers.image.ref.name"]).toBe("1.0.0");
    expect(readdirSync(join(root, "ingest"))).toEqual([]);
  });

  test("that is none is refused", () => {
    expect(() => openDirectoryStore(scratch)).toThrow(expect.objectContaining({ code: "store/not-a-layout" }));
  });

  test("loses no tag to a second process", async () => {
    const root = fresh();
    createDirectoryStore(root);
    const script = join(import.meta.dir, "testing", "tag-many.ts");
    const children = ["a", "b", "c"].map((name) =>
      Bun.spawn([process.execPath, script, root, name, "12"], { stderr: "inherit" }),
    );
    for (const child of children) expect(await child.exited).toBe(0);
    expect(await openDirectoryStore(root).tags()).toHaveLength(36);
  }, 30_000);

  test("keeps what a killed process had written, and only that", async () => {
    const root = fresh();
    const store = createDirectoryStore(root);
    const bytes = encodeUtf8("0123456789");
    const script = join(import.meta.dir, "testing", "ingest-and-die.ts");
    for (const failpoint of ["blob/written", "blob/synced", "blob/renamed"]) {
      const child = Bun.spawn([process.execPath, script, root], {
        env: { ...process.env, CPM_TEST: "1", CPM_FAILPOINT: failpoint },
      });
      await child.exited;
      expect(child.signalCode).toBe("SIGKILL");
      const present = await store.stat(digestOf(bytes));
      if (failpoint === "blob/renamed") expect(present).toEqual({ sizeBytes: 10 });
      else {
        expect(present).toBeUndefined();
        const ingest = await store.ingest(describeBytes(bytes));
        expect(ingest?.offsetBytes).toBe(10);
        await ingest?.suspend();
      }
    }
  }, 30_000);

  test("notices that the kept part of an ingest was zeroed, and recovers", async () => {
    const root = fresh();
    const store = createDirectoryStore(root);
    const bytes = encodeUtf8("0123456789");
    const ingest = await store.ingest(describeBytes(bytes));
    await ingest?.write(bytes.subarray(0, 6));
    await ingest?.suspend();
    writeFileSync(join(root, "ingest", `sha256-${digestOf(bytes).slice(7)}`), new Uint8Array(6));
    const again = await store.ingest(describeBytes(bytes));
    await again?.write(bytes.subarray(again.offsetBytes));
    expect(again?.commit()).rejects.toMatchObject({ code: "store/digest-mismatch" });
    await put(store, bytes);
    expect(await collectBytes(store.read(describeBytes(bytes)), 100)).toEqual(bytes);
  });

  test("says what the system refuses", async () => {
    expect(() => createDirectoryStore("/proc/cpm-cannot-be-here")).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^store\/(permission|io|read-only)$/) }),
    );
  });
});

describe("copying a graph", () => {
  test("copies everything once, tags it last, and nothing the second time", async () => {
    const [from, to] = [new MemoryStore(), new MemoryStore()];
    const root = await putPackage(from, "1.0.0");
    const events: CopyProgress[] = [];
    await copyGraph(from, to, root, { tags: ["1.0.0"], onProgress: (event) => events.push(event) });
    expect(await to.resolve("1.0.0")).toEqual(root);
    expect(events.filter((event) => event.kind === "copied")).toHaveLength(4);
    const again: CopyProgress[] = [];
    await copyGraph(from, to, root, { tags: ["1.0.0"], onProgress: (event) => again.push(event) });
    expect(again.filter((event) => event.kind === "bytes")).toEqual([]);
  });

  test("leaves no tag when a blob is damaged", async () => {
    const [from, to] = [new MemoryStore(), new MemoryStore()];
    const root = await putPackage(from, "1.0.0");
    const lying: Store = Object.create(from, {
      read: {
        value: async function* (content: Parameters<Store["read"]>[0]) {
          for await (const chunk of from.read(content)) {
            const copy = chunk.slice();
            if (content.mediaType === mediaTypes.octetStream) copy[0] = (copy[0] ?? 0) ^ 1;
            yield copy;
          }
        },
      },
    });
    expect(copyGraph(lying, to, root, { tags: ["1.0.0"] })).rejects.toMatchObject({ code: "store/digest-mismatch" });
    expect(await to.resolve("1.0.0")).toBeUndefined();
  });

  test("continues after an interruption with the bytes that are missing", async () => {
    const from = new MemoryStore();
    const to = createDirectoryStore(fresh());
    const bytes = Uint8Array.from({ length: 300_000 }, (_, at) => at & 255);
    const blob = describeBytes(bytes);
    await put(from, bytes);
    const ingest = (await to.ingest(blob)) as Ingest;
    await ingest.write(bytes.subarray(0, 100_000));
    await ingest.suspend();
    const root = await putPackage(from, "1.0.0", blob);
    let moved = 0;
    const offsets: number[] = [];
    const watched: Store = Object.create(from, {
      read: {
        value: (content: Parameters<Store["read"]>[0], options: Parameters<Store["read"]>[1]) => {
          if (content.digest === blob.digest) offsets.push(options?.offsetBytes ?? 0);
          return from.read(content, options);
        },
      },
    });
    await copyGraph(watched, to, root, {
      onProgress: (event) => (moved += event.kind === "bytes" ? event.addedBytes : 0),
    });
    expect(offsets).toEqual([100_000]);
    expect(moved).toBeGreaterThan(299_999);
  });
});

describe("verified bytes", () => {
  const bytes = encodeUtf8("abc");
  test.each([
    ["store/too-long", encodeUtf8("abcd")],
    ["store/too-short", encodeUtf8("ab")],
    ["store/digest-mismatch", encodeUtf8("abd")],
  ])("%s, and the last chunk is not given", async (code, actual) => {
    const given: Uint8Array[] = [];
    const drain = async () => {
      for await (const chunk of verifiedBytes(singly(actual), describeBytes(bytes))) given.push(chunk);
    };
    expect(drain()).rejects.toMatchObject({ code });
    expect(given.length).toBeLessThan(actual.length);
  });
});

describe("a process lock", () => {
  test("excludes a second holder and is taken over from the dead", async () => {
    const path = join(scratch, "x.lock");
    const lock = tryLock(path);
    expect(lock).toBeDefined();
    expect(tryLock(path)).toBeUndefined();
    lock?.release();
    const child = Bun.spawn(["true"]);
    await child.exited;
    writeFileSync(path, JSON.stringify({ pid: child.pid, started: "1@boot" }));
    const second = tryLock(path);
    expect(second).toBeDefined();
    second?.release();
    expect(readdirSync(scratch).filter((name) => name.startsWith("x.lock"))).toEqual([]);
  });

  test("knows a reused process id from its owner", () => {
    expect(isRunning(currentProcess())).toBe(true);
    expect(isRunning({ pid: process.pid, started: "12@another-boot" })).toBe(false);
  });
});

async function* singly(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (const byte of bytes) yield Uint8Array.of(byte);
}

async function putPackage(store: Store, tag: string, extra = describeBytes(encodeUtf8("layer two"))) {
  for (const text of ["{}", "layer one", "layer two"]) await put(store, encodeUtf8(text));
  const { data: _, ...config } = emptyDescriptor;
  const layers = [describeBytes(encodeUtf8("layer one")), extra];
  const bytes = formatManifest({ kind: "manifest", mediaType: mediaTypes.manifest, config, layers });
  const descriptor = { mediaType: mediaTypes.manifest, digest: digestOf(bytes), sizeBytes: bytes.length };
  await store.putManifest(descriptor, bytes, [tag]);
  return descriptor;
}
