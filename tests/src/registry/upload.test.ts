import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { collectBytes } from "@cpm/base";
import { emptyDescriptor, formatManifest, mediaTypes } from "@cpm/oci";
import type { Descriptor, Store } from "@cpm/oci";
import { serveRegistry } from "@cpm/registry";
import type { RegistryClientLimits } from "@cpm/registry-client";
import { MemoryStore, copyContent, digestOf } from "@cpm/store";
import { put } from "@cpm/store/testing";
import { startFaultProxy } from "./fault-proxy.ts";
import { blobOf, clientOf, codeOf, impatientClock, someBytes } from "./testing.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-upload-"));
const registry = await serveRegistry({ access: "open", dataDirectory: scratch, hostname: "127.0.0.1", port: 0 });
const proxy = await startFaultProxy(registry.host);
afterAll(async () => {
  proxy.stop();
  await registry.stop();
  rmSync(scratch, { recursive: true, force: true });
});
afterEach(() => {
  expect(proxy.faults.splice(0)).toEqual([]);
  proxy.exchanges.splice(0);
});

let count = 0;
const inOnePut: Partial<RegistryClientLimits> = { chunkBytes: 2_000_000 };
const inChunks: Partial<RegistryClientLimits> = { chunkBytes: 300_000 };

/** Content that the registry has never seen, and where to push it. */
function fresh(limits: Partial<RegistryClientLimits> = inOnePut, sizeBytes = 1_000_000) {
  const bytes = someBytes(sizeBytes, ++count);
  const clock = impatientClock();
  const client = clientOf(proxy.host, { limits: { attempts: 5, ...limits }, clock });
  const repository = client.repository(`test/upload-${count}`);
  return { bytes, blob: blobOf(bytes), repository, clock };
}

describe("an upload whose connection drops", () => {
  test.each([
    ["in one PUT, near its beginning", inOnePut, [{ method: "PUT", cutRequestAfter: 10 }]],
    [
      "in one PUT, twice",
      inOnePut,
      [
        { method: "PUT", cutRequestAfter: 400_000 },
        { method: "PUT", cutRequestAfter: 300_000 },
      ],
    ],
    ["in one PUT, with its last byte", inOnePut, [{ method: "PUT", cutRequestAfter: 999_999 }]],
    ["in a chunk", inChunks, [{ method: "PATCH", cutRequestAfter: 123_456 }]],
    [
      "in every chunk",
      inChunks,
      [100_000, 50_000, 200_000].map((cutRequestAfter) => ({ method: "PATCH", cutRequestAfter })),
    ],
    ["in the closing PUT", inChunks, [{ method: "PUT", cutRequestAfter: 77_777 }]],
  ])("%s sends the missing bytes and no other", async (_, limits, faults) => {
    const { bytes, blob, repository } = fresh(limits);
    proxy.faults.push(...faults);
    await put(repository, bytes);
    expect(sent()).toBe(bytes.length);
    await expectStored(repository, blob, bytes);
  });

  test.each([
    ["a chunk", inChunks, "PATCH"],
    ["the whole", inOnePut, "PUT"],
    ["the end", inChunks, "PUT"],
  ])("after %s arrived and before the answer sends nothing twice", async (_, limits, method) => {
    const { bytes, blob, repository } = fresh(limits);
    proxy.faults.push({ method, cutResponseAfter: -1 });
    await put(repository, bytes);
    expect(sent()).toBe(bytes.length);
    await expectStored(repository, blob, bytes);
  });

  test("every time ends after the attempts allowed, and the next copy sends the rest", async () => {
    const { bytes, blob, repository } = fresh(inChunks);
    const from = new MemoryStore();
    await put(from, bytes);
    proxy.faults.push({ method: "PATCH" }, { method: "PATCH", cutRequestAfter: 0, times: 5 });
    expect(await codeOf(copyContent(from, repository, blob))).toBe("registry/unreachable");
    expect(await repository.stat(blob.digest)).toBeUndefined();
    await copyContent(from, repository, blob);
    expect(sent()).toBe(bytes.length);
    await expectStored(repository, blob, bytes);
  });

  test("with a manifest is pushed again", async () => {
    const { repository } = fresh();
    const { descriptor, bytes } = await manifestIn(repository);
    proxy.faults.push(
      { method: "PUT", path: /\/manifests\//, cutRequestAfter: 20 },
      { method: "PUT", path: /\/manifests\//, cutResponseAfter: -1 },
    );
    await repository.putManifest(descriptor, bytes, ["1.0.0"]);
    expect(await repository.resolve("1.0.0")).toEqual(descriptor);
  });
});

describe("an upload to a registry that is busy or broken", () => {
  test.each([
    [429, inChunks, "PATCH"],
    [500, inChunks, "PATCH"],
    [503, inChunks, "PUT"],
    [429, inOnePut, "PUT"],
    [502, inOnePut, "PUT"],
    [408, inOnePut, "PUT"],
    [503, inOnePut, "POST"],
  ])("(%d, %p, %s) goes on, when it was told to", async (code, limits, method) => {
    const { bytes, blob, repository, clock } = fresh(limits);
    proxy.faults.push({ method, answer: status(code, "retry-after: 3\r\n") });
    await put(repository, bytes);
    expect(sent()).toBe(bytes.length);
    expect(clock.sleeps).toEqual([3000]);
    await expectStored(repository, blob, bytes);
  });

  test.each([
    [429, "registry/rate-limited"],
    [500, "registry/server"],
    [503, "registry/server"],
  ])("with %d every time ends as %s", async (code, expected) => {
    for (const [limits, method] of [
      [inChunks, "PATCH"],
      [inOnePut, "PUT"],
    ] as const) {
      const { bytes, blob, repository } = fresh(limits);
      proxy.faults.push({ method, answer: status(code), times: 5 });
      expect(await codeOf(put(repository, bytes))).toBe(expected);
      expect(await repository.stat(blob.digest)).toBeUndefined();
    }
  });

  test.each([
    [400, "registry/refused"],
    [401, "registry/unauthorized"],
    [403, "registry/denied"],
    [413, "registry/too-large"],
  ])("with %d ends at once as %s", async (code, expected) => {
    const { bytes, repository } = fresh();
    proxy.faults.push({ method: "PUT", answer: status(code) });
    expect(await codeOf(put(repository, bytes))).toBe(expected);
    expect(proxy.exchanges.filter((exchange) => exchange.method === "PUT")).toHaveLength(1);
  });

  test("and that forgot the upload begins anew where everything is still here", async () => {
    const { bytes, blob, repository } = fresh();
    proxy.faults.push(
      { method: "PUT", answer: status(404) },
      { method: "GET", path: /\/uploads\//, answer: status(404) },
    );
    await put(repository, bytes);
    await expectStored(repository, blob, bytes);
  });

  test("and that forgot what it had confirmed fails, and the next copy begins anew", async () => {
    const { bytes, blob, repository } = fresh(inChunks);
    const from = new MemoryStore();
    await put(from, bytes);
    proxy.faults.push(
      { method: "PATCH" },
      { method: "PATCH", answer: status(404) },
      { method: "GET", path: /\/uploads\//, answer: status(404) },
    );
    expect(await codeOf(copyContent(from, repository, blob))).toBe("registry/not-found");
    await copyContent(from, repository, blob);
    await expectStored(repository, blob, bytes);
  });

  test("and that says it has more than was sent, or less than it confirmed, is refused", async () => {
    for (const range of ["0-999998", "0-5"]) {
      const { bytes, repository } = fresh(inChunks);
      proxy.faults.push(
        { method: "PATCH" },
        { method: "PATCH", answer: status(500) },
        { method: "GET", path: /\/uploads\//, head: (head) => head.replace(/^range:.*$/im, `range: ${range}`) },
      );
      expect(await codeOf(put(repository, bytes))).toBe("registry/protocol");
    }
  });

  test("and that names no place for the upload is refused", async () => {
    const { bytes, repository } = fresh();
    proxy.faults.push({ method: "POST", head: (head) => head.replace(/^location:.*\r\n/im, "") });
    expect(await codeOf(put(repository, bytes))).toBe("registry/protocol");
  });

  test.each(["file:///tmp/x", "http://169.254.169.254/upload", "http://[fe80::1]/upload"])(
    "and that sends the bytes to %s is refused",
    async (location) => {
      const { bytes, repository } = fresh();
      proxy.faults.push({ method: "POST", head: (head) => head.replace(/^location:.*$/im, `location: ${location}`) });
      expect(await codeOf(put(repository, bytes))).toBe("registry/protocol");
      expect(sent()).toBe(0);
    },
  );

  test("and that wants larger chunks gets them", async () => {
    const { bytes, blob, repository } = fresh(inChunks);
    const head = (text: string) => text.replace(/^location:/im, "oci-chunk-min-length: 450000\r\nlocation:");
    proxy.faults.push({ method: "POST", head });
    await put(repository, bytes);
    const patches = proxy.exchanges.filter((exchange) => exchange.method === "PATCH");
    expect(patches.map((exchange) => exchange.requestBytes)).toEqual([450_000, 450_000]);
    await expectStored(repository, blob, bytes);
  });

  test("and whose status falls silent is left after the time limit", async () => {
    const { bytes, blob, repository } = fresh({ chunkBytes: 1000, responseTimeoutMs: 150 }, 2500);
    proxy.faults.push({ method: "PATCH", stallAfter: -1 });
    await put(repository, bytes);
    await expectStored(repository, blob, bytes);
  });

  test("and that reads a package before it answers for the manifest is waited for", async () => {
    const slow = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      async fetch() {
        await new Promise((resolve) => setTimeout(resolve, 300));
        return new Response(null, { status: 201 });
      },
    });
    const limits = { responseTimeoutMs: 20, publishTimeoutMs: 60_000, attempts: 1 };
    const repository = clientOf(`127.0.0.1:${slow.port}`, { limits }).repository("test/slow");
    const { descriptor, bytes } = await manifestIn(fresh().repository);
    await repository.putManifest(descriptor, bytes, ["1.0.0"]);
    expect(await codeOf(repository.stat(descriptor.digest))).toBe("registry/unreachable");
    await slow.stop(true);
  });

  test("and that stored other bytes of a manifest is refused", async () => {
    const { repository } = fresh();
    const { descriptor, bytes } = await manifestIn(repository);
    const other = digestOf(someBytes(10));
    const head = (text: string) => text.replace(/^docker-content-digest:.*$/im, `docker-content-digest: ${other}`);
    proxy.faults.push({ method: "PUT", path: /\/manifests\//, head });
    expect(await codeOf(repository.putManifest(descriptor, bytes, ["1.0.0"]))).toBe("store/digest-mismatch");
  });
});

describe("several tags", () => {
  test("are put in one request where the registry can, and one by one where it cannot", async () => {
    const { repository } = fresh();
    const { descriptor, bytes } = await manifestIn(repository);
    proxy.exchanges.splice(0);
    await repository.putManifest(descriptor, bytes, ["a", "b", "c"]);
    expect(proxy.exchanges.map(({ method }) => method)).toEqual(["PUT"]);
    proxy.faults.push({ method: "PUT", head: (head) => head.replace(/^oci-tag:.*\r\n/im, "") });
    await repository.putManifest(descriptor, bytes, ["d", "e"]);
    expect(proxy.exchanges.map(({ path }) => path.split("/").at(-1))).toEqual([
      `${descriptor.digest}?tag=a&tag=b&tag=c`,
      `${descriptor.digest}?tag=d&tag=e`,
      "d",
      "e",
    ]);
    expect(await repository.tags()).toEqual(["a", "b", "c", "d", "e"]);
  });
});

describe("a mount", () => {
  test("takes a blob from another repository without sending it", async () => {
    const { bytes, blob, repository } = fresh();
    await put(repository, bytes);
    const sentBefore = sent();
    const other = clientOf(proxy.host).repository("test/other");
    expect(await other.mount(blob, `test/upload-${count}`)).toBe(true);
    expect(sent()).toBe(sentBefore);
    await expectStored(other, blob, bytes);
  });

  test("of what is not there is none, and leaves no upload open", async () => {
    const { blob, repository } = fresh();
    expect(await repository.mount(blob, "test/never")).toBe(false);
    expect(proxy.exchanges.map((exchange) => exchange.method)).toEqual(["POST", "DELETE"]);
  });

  test.each([
    [404, "false"],
    [405, "false"],
    [401, "registry/unauthorized"],
    [403, "registry/denied"],
  ])("answered with %d is %s", async (code, expected) => {
    const { blob, repository } = fresh();
    proxy.faults.push({ method: "POST", answer: status(code) });
    const mounted = repository.mount(blob, "test/never");
    if (expected === "false") expect(await mounted).toBe(false);
    else expect(await codeOf(mounted)).toBe(expected);
  });
});

async function manifestIn(repository: Store): Promise<{ descriptor: Descriptor; bytes: Uint8Array }> {
  const { data = new Uint8Array(0), ...config } = emptyDescriptor;
  await put(repository, data);
  const bytes = formatManifest({ kind: "manifest", mediaType: mediaTypes.manifest, config, layers: [] });
  return { bytes, descriptor: { mediaType: mediaTypes.manifest, digest: digestOf(bytes), sizeBytes: bytes.length } };
}

async function expectStored(repository: Store, blob: Descriptor, bytes: Uint8Array): Promise<void> {
  expect(await repository.stat(blob.digest)).toEqual({ sizeBytes: bytes.length });
  expect(digestOf(await collectBytes(repository.read(blob), bytes.length))).toBe(blob.digest);
}

/** Bytes of content that the registry was given. */
function sent(): number {
  return proxy.exchanges.reduce((sum, exchange) => sum + exchange.requestBytes, 0);
}

function status(code: number, headers = ""): string {
  return `HTTP/1.1 ${code} No\r\n${headers}content-length: 0\r\nconnection: close\r\n\r\n`;
}
