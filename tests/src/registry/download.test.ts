import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { collectBytes, concatBytes } from "@cpm/base";
import type { Descriptor, ReadOptions } from "@cpm/oci";
import { serveRegistry } from "@cpm/registry";
import type { RegistryClientOptions } from "@cpm/registry-client";
import { MemoryStore, copyContent, digestOf } from "@cpm/store";
import type { CopyProgress } from "@cpm/store";
import { put } from "@cpm/store/testing";
import { startFaultProxy } from "./fault-proxy.ts";
import { blobOf, clientOf, codeOf, impatientClock, someBytes } from "./testing.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-download-"));
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

const name = "test/download";
const bytes = someBytes(1_000_000);
const blob = blobOf(bytes);
await put(clientOf(registry.host).repository(name), bytes);
/** No connection of this machine counts as a fast one, so that parts come at once. */
const slow = { fastBytesPerSecond: Number.POSITIVE_INFINITY };
const ofBlob = new RegExp(`/blobs/${blob.digest}$`);

describe("a download whose connection drops", () => {
  test.each([
    ["once", [300_000]],
    ["before the first byte", [0]],
    ["before the head of the answer", [-1]],
    ["at the last byte", [999_999]],
    ["again and again", [100_000, 200_000, 70_000, 300_000]],
  ])("%s fetches the missing bytes and no other", async (_, cuts) => {
    // A cut takes with it what has arrived and was not read yet, so each waits for the reader.
    let position = 0;
    const gates = cuts.map((cut) => ({ at: (position += Math.max(0, cut)), ...Promise.withResolvers<void>() }));
    for (const [index, cutResponseAfter] of cuts.entries()) {
      const cutWhen = gates[index]?.promise ?? Promise.resolve();
      proxy.faults.push({ path: ofBlob, cutResponseAfter, cutWhen });
    }
    const open = (readBytes: number): void => {
      for (const gate of gates) if (gate.at <= readBytes) gate.resolve();
    };
    open(0);
    const parts: Uint8Array[] = [];
    for await (const part of clientOf(proxy.host).repository(name).read(blob)) {
      parts.push(part);
      open(parts.reduce((sum, { length }) => sum + length, 0));
    }
    expectSame(concatBytes(parts), bytes);
    expect(delivered()).toBe(bytes.length);
    const starts = proxy.exchanges.map(({ headers }) =>
      Number(/^bytes=(\d+)-/.exec(headers["range"] ?? "bytes=0-")?.[1]),
    );
    expect(starts).toEqual([0, ...gates.map((gate) => gate.at)]);
  });

  test("in one of its parallel parts fetches that part's missing bytes", async () => {
    proxy.faults.push({ path: ofBlob, cutResponseAfter: 10_000 }, { path: ofBlob, cutResponseAfter: 20_000 });
    const limits = { ...slow, parallelFromBytes: 500_000, partBytes: 100_000, parallelParts: 3 };
    expectSame(await read(blob, {}, { limits }), bytes);
    // The ten parts, and at most what the two cut connections had delivered.
    expect(delivered()).toBeLessThanOrEqual(bytes.length + 30_000);
    expect(proxy.exchanges).toHaveLength(12);
    for (const { headers } of proxy.exchanges) expect(headers["range"]).toMatch(/^bytes=\d+-\d+$/);
  });

  test("goes on over one connection that proved fast, however large the blob", async () => {
    const limits = { fastBytesPerSecond: 1, parallelFromBytes: 500_000, partBytes: 100_000, parallelParts: 3 };
    expectSame(await read(blob, {}, { limits }), bytes);
    expect(proxy.exchanges.map(({ headers }) => headers["range"])).toEqual(["bytes=0-99999", "bytes=100000-999999"]);
  });

  test("every time ends after the attempts allowed", async () => {
    proxy.faults.push({ path: ofBlob, cutResponseAfter: 0, times: 4 });
    expect(await codeOf(read(blob, {}, { limits: { attempts: 4 } }))).toBe("registry/unreachable");
    expect(proxy.exchanges).toHaveLength(4);
  });

  test("after every byte ends all the same", async () => {
    proxy.faults.push({ path: ofBlob, cutResponseAfter: 1, times: 4 });
    expect(await codeOf(read(blob, {}, { limits: { attempts: 4 } }))).toBe("registry/unreachable");
  });

  test("waits longer each time, with an end", async () => {
    const clock = impatientClock();
    proxy.faults.push({ path: ofBlob, cutResponseAfter: 0, times: 6 });
    const limits = { attempts: 6, backoffMs: 1000, maxBackoffMs: 5000 };
    expect(await codeOf(read(blob, {}, { clock, limits }))).toBe("registry/unreachable");
    expect(clock.sleeps).toHaveLength(5);
    for (const [index, slept] of clock.sleeps.entries()) {
      expect(slept).toBeGreaterThanOrEqual(Math.min(500 * 2 ** index, 5000));
      expect(slept).toBeLessThanOrEqual(Math.min(1000 * 2 ** index, 5000));
    }
  });

  test("goes on where a registry has no ranges, by skipping what was delivered", async () => {
    const plain = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response(bytes) });
    const between = await startFaultProxy(`127.0.0.1:${plain.port}`);
    between.faults.push({ cutResponseAfter: 400_000 });
    expectSame(await collectBytes(clientOf(between.host).repository(name).read(blob), 2_000_000), bytes);
    between.stop();
    await plain.stop(true);
  });

  test("into a store goes on from what the store has", async () => {
    const store = new MemoryStore();
    const taken = Promise.withResolvers<void>();
    proxy.faults.push(
      { path: ofBlob, cutResponseAfter: 600_000, cutWhen: taken.promise },
      { path: ofBlob, cutResponseAfter: -1, times: 2 },
    );
    const from = clientOf(proxy.host, { limits: { attempts: 2 } }).repository(name);
    let copied = 0;
    const watch = (event: CopyProgress): void => {
      if (event.kind === "bytes") copied += event.addedBytes;
      if (copied >= 600_000) taken.resolve();
    };
    // The attempts that are left fail too: the copy ends, and another one continues it.
    expect(await codeOf(copyContent(from, store, blob, watch))).toBe("registry/unreachable");
    expect(await store.stat(blob.digest)).toBeUndefined();
    await copyContent(from, store, blob);
    expect(await store.stat(blob.digest)).toEqual({ sizeBytes: bytes.length });
    expect(delivered()).toBe(bytes.length);
  });
});

describe("a download that falls silent", () => {
  const limits = { idleTimeoutMs: 150, responseTimeoutMs: 150 };

  test("is continued after the time limit", async () => {
    proxy.faults.push({ path: ofBlob, stallAfter: 250_000 });
    expectSame(await read(blob, {}, { limits }), bytes);
    expect(delivered()).toBe(bytes.length);
  });

  test("before its head, every time, ends", async () => {
    proxy.faults.push({ path: ofBlob, stallAfter: -1, times: 2 });
    expect(await codeOf(read(blob, {}, { limits: { ...limits, attempts: 2 } }))).toBe("registry/unreachable");
  });

  test("rejects with the reason of its signal at once", async () => {
    proxy.faults.push({ path: ofBlob, stallAfter: 1000 });
    const abort = new AbortController();
    const reason = new Error("enough");
    const forever = { idleTimeoutMs: 2_000_000_000 };
    const reading = (async () => {
      for await (const _ of clientOf(proxy.host, { limits: forever })
        .repository(name)
        .read(blob, { signal: abort.signal }))
        abort.abort(reason);
    })();
    expect(await reading.catch((error: unknown) => error)).toBe(reason);
  });
});

describe("a download from a registry that lies", () => {
  test.each(["bytes 100-999999/1000000", "bytes 300001-999999/1000000", "bytes 300000-999999/5", "nonsense", ""])(
    "about the range (%p) is refused",
    async (range) => {
      const head = (text: string) =>
        text.replace(/^content-range:.*\r\n/im, range === "" ? "" : `content-range: ${range}\r\n`);
      proxy.faults.push({ path: ofBlob, cutResponseAfter: 300_000 }, { path: ofBlob, head });
      expect(await codeOf(read(blob))).toBe("registry/protocol");
    },
  );

  test("by changing the content between two parts is found out, and nothing is kept", async () => {
    const store = new MemoryStore();
    const flip = (piece: Uint8Array) => piece.map((byte) => byte ^ 1);
    proxy.faults.push({ path: ofBlob, cutResponseAfter: 300_000 }, { path: ofBlob, body: flip });
    expect(await codeOf(copyContent(clientOf(proxy.host).repository(name), store, blob))).toBe("store/digest-mismatch");
    expect(await store.stat(blob.digest)).toBeUndefined();
    await copyContent(clientOf(proxy.host).repository(name), store, blob);
    expect(await store.stat(blob.digest)).toEqual({ sizeBytes: bytes.length });
  });

  test("by another entity tag mid-way gets no range of the new content mixed in", async () => {
    const other = someBytes(bytes.length, 2);
    let asked = 0;
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch(request) {
        const first = asked++ === 0;
        const condition = request.headers.get("if-range");
        expect(condition).toBe(first ? null : '"one"');
        // The entity is another one now, so the range does not apply (RFC 9110 §13.1.5).
        return new Response(first ? bytes : other, { headers: { etag: first ? '"one"' : '"two"' } });
      },
    });
    const between = await startFaultProxy(`127.0.0.1:${server.port}`);
    between.faults.push({ cutResponseAfter: 300_000 });
    const store = new MemoryStore();
    expect(await codeOf(copyContent(clientOf(between.host).repository(name), store, blob))).toBe(
      "store/digest-mismatch",
    );
    expect(await store.stat(blob.digest)).toBeUndefined();
    between.stop();
    await server.stop(true);
  });

  test("and is longer than it was described is refused", async () => {
    const short: Descriptor = { ...blob, sizeBytes: 999_990 };
    expect(await codeOf(read(short))).toBe("store/too-long");
  });

  test("and is shorter than it was described is refused after the attempts allowed", async () => {
    const long: Descriptor = { ...blob, sizeBytes: 1_000_010 };
    expect(await codeOf(read(long))).toBe("store/too-short");
    const head = (text: string) => text.replace(/^content-length:.*$/im, "content-length: 10");
    proxy.faults.push({ path: ofBlob, head, times: 3 });
    expect(await codeOf(read(blob, {}, { limits: { attempts: 3 } }))).toBe("store/too-short");
  });

  test("by giving ranges and then none is refused, not fetched whole for every part", async () => {
    const limits = { ...slow, parallelFromBytes: 500_000, partBytes: 100_000, parallelParts: 1 };
    const noRange = "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\nconnection: close\r\n\r\n";
    proxy.faults.push({ path: ofBlob }, { path: ofBlob, answer: noRange });
    expect(await codeOf(read(blob, {}, { limits }))).toBe("registry/protocol");
  });
});

describe("a registry that is busy or broken", () => {
  test("is asked again when it said it should be", async () => {
    const clock = impatientClock();
    proxy.faults.push({ path: ofBlob, answer: status(429, "retry-after: 7\r\n") });
    expectSame(await read(blob, {}, { clock }), bytes);
    expect(clock.sleeps).toEqual([7000]);
  });

  test("is asked again at a date, and never waited for longer than the limit", async () => {
    const clock = impatientClock();
    const date = new Date(clock.now() + 3000).toUTCString();
    proxy.faults.push(
      { path: ofBlob, answer: status(503, `retry-after: ${date}\r\n`) },
      { path: ofBlob, answer: status(429, "retry-after: 86400\r\n") },
    );
    expectSame(await read(blob, {}, { clock, limits: { maxBackoffMs: 9000 } }), bytes);
    expect(clock.sleeps).toEqual([3000, 9000]);
  });

  test.each([
    [429, "registry/rate-limited", 3],
    [500, "registry/server", 3],
    [502, "registry/server", 3],
    [503, "registry/server", 3],
    [504, "registry/server", 3],
    [501, "registry/server", 1],
    [400, "registry/refused", 1],
    [401, "registry/unauthorized", 1],
    [403, "registry/denied", 1],
    [413, "registry/too-large", 1],
  ])("with %d every time ends as %s", async (code, expected, requests) => {
    proxy.faults.push({ path: ofBlob, answer: status(code), times: requests });
    expect(await codeOf(read(blob, {}, { limits: { attempts: 3 } }))).toBe(expected);
    expect(proxy.exchanges).toHaveLength(requests);
  });

  test("that is not there at all is unreachable", async () => {
    const gone = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
    const host = `127.0.0.1:${gone.port}`;
    await gone.stop(true);
    expect(await codeOf(clientOf(host).repository(name).resolve("x"))).toBe("registry/unreachable");
  });

  test("whose answers break off is asked for them again", async () => {
    const tags = /\/tags\/list/;
    proxy.faults.push({ path: tags, cutResponseAfter: 5 });
    expect(await clientOf(proxy.host).repository(name).tags()).toEqual([]);
    expect(proxy.exchanges).toHaveLength(2);
    proxy.faults.push({ path: tags, cutResponseAfter: 5, times: 2 });
    expect(
      await codeOf(
        clientOf(proxy.host, { limits: { attempts: 2 } })
          .repository(name)
          .tags(),
      ),
    ).toBe("registry/unreachable");
    proxy.faults.push({ path: tags, answer: "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>" });
    expect(await codeOf(clientOf(proxy.host).repository(name).tags())).toBe("registry/protocol");
    proxy.faults.push({
      path: tags,
      answer: `HTTP/1.1 200 OK\r\nlink: </v2/x/tags/list>; rel="next"\r\ncontent-length: 2\r\n\r\n{}`,
      times: 2,
    });
    expect(await codeOf(clientOf(proxy.host).repository(name).tags())).toBe("registry/protocol");
  });
});

describe("a redirect", () => {
  test("to another host is followed, with the range", async () => {
    const seen: Headers[] = [];
    const elsewhere = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch(request) {
        seen.push(request.headers);
        const start = Number(/^bytes=(\d+)-/.exec(request.headers.get("range") ?? "bytes=0-")?.[1]);
        const headers = { "content-range": `bytes ${start}-999999/1000000` };
        return new Response(bytes.subarray(start), start === 0 ? {} : { status: 206, headers });
      },
    });
    proxy.faults.push({ path: ofBlob, answer: redirect(307, `http://127.0.0.1:${elsewhere.port}/object`) });
    expectSame(await read(blob), bytes);
    proxy.faults.push({ path: ofBlob, answer: redirect(302, `http://127.0.0.1:${elsewhere.port}/object`) });
    expect(await read(blob, { offsetBytes: 999_000 })).toEqual(bytes.slice(999_000));
    expect(seen.map((headers) => headers.get("range"))).toEqual([null, "bytes=999000-999999"]);
    await elsewhere.stop(true);
  });

  test.each([
    "file:///etc/passwd",
    "ftp://example.com/x",
    "data:text/plain,x",
    "http://169.254.169.254/latest/meta-data",
    "http://2852039166/latest/meta-data",
    "http://0xa9fea9fe/",
    "http://[fe80::1]/",
    "http://[::ffff:169.254.169.254]/",
    "http://[not an address",
  ])("to %s is refused", async (location) => {
    proxy.faults.push({ path: ofBlob, answer: redirect(307, location) });
    expect(await codeOf(read(blob))).toBe("registry/protocol");
    expect(proxy.exchanges).toHaveLength(1);
  });

  test("without end is refused", async () => {
    proxy.faults.push({ path: ofBlob, answer: redirect(307, `/v2/${name}/blobs/${blob.digest}`), times: 6 });
    expect(await codeOf(read(blob))).toBe("registry/protocol");
  });

  test("by a registry elsewhere to this machine, or from https to http, is refused", async () => {
    for (const location of ["http://127.0.0.1:1/", "http://localhost/", "http://[::1]/", "http://0.0.0.0/"]) {
      const fetch = async () => new Response(null, { status: 307, headers: { location } });
      expect(await codeOf(clientOf("registry.example", { fetch, plainHttp: true }).repository(name).resolve("x"))).toBe(
        "registry/protocol",
      );
    }
    const fetch = async () => new Response(null, { status: 307, headers: { location: "http://other.example/" } });
    expect(await codeOf(clientOf("registry.example", { fetch }).repository(name).resolve("x"))).toBe(
      "registry/protocol",
    );
  });
});

test("reading nothing fetches nothing, and what is not there is not found", async () => {
  expect(await read(blob, { offsetBytes: bytes.length })).toEqual(new Uint8Array(0));
  expect(await read(blob, { offsetBytes: 5, lengthBytes: 0 })).toEqual(new Uint8Array(0));
  expect(delivered()).toBeLessThan(10);
  const absent = blobOf(someBytes(100, 9));
  expect(await codeOf(read(absent, { offsetBytes: 100 }))).toBe("store/not-found");
});

function read(
  content: Descriptor,
  options: ReadOptions = {},
  client: Partial<RegistryClientOptions> = {},
): Promise<Uint8Array> {
  return collectBytes(clientOf(proxy.host, client).repository(name).read(content, options), 2_000_000);
}

/** By their digests, since a difference of a million numbers is nothing to print. */
function expectSame(actual: Uint8Array, expected: Uint8Array): void {
  expect(digestOf(actual)).toBe(digestOf(expected));
}

function delivered(): number {
  return proxy.exchanges.reduce((sum, exchange) => sum + exchange.responseBytes, 0);
}

function status(code: number, headers = ""): string {
  return `HTTP/1.1 ${code} No\r\n${headers}content-length: 0\r\nconnection: close\r\n\r\n`;
}

function redirect(code: number, location: string): string {
  return status(code, `location: ${location}\r\n`);
}
