import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "@cpm/store";
import { put } from "@cpm/store/testing";
import { startRegistryProcess } from "./registry-process.ts";
import type { RegistryProcess } from "./registry-process.ts";
import { blobOf, clientOf, someBytes } from "./testing.ts";

const data = mkdtempSync(join(tmpdir(), "cpm-server-"));
let registry: RegistryProcess;
beforeAll(async () => {
  registry = await startRegistryProcess(data);
});
afterAll(async () => {
  await registry.end("SIGTERM");
  rmSync(data, { recursive: true, force: true });
});

describe("cpm-registry on a socket", () => {
  test("gives HEAD its real length and no body, and GET its type as it was pushed", async () => {
    const bytes = someBytes(5000);
    const digest = digestOf(bytes);
    const path = `/v2/test/socket/blobs`;
    expect((await at(`${path}/uploads/?digest=${digest}`, { method: "POST", body: bytes })).status).toBe(201);
    const head = await raw(`HEAD ${path}/${digest} HTTP/1.1`);
    expect(head).toContain("HTTP/1.1 200");
    expect(head.toLowerCase()).toContain("content-length: 5000");
    expect(head.endsWith("\r\n\r\n")).toBe(true);
    const get = await at(`${path}/${digest}`, { headers: { range: "bytes=10-19" } });
    expect(get.status).toBe(206);
    expect(get.headers.get("content-type")).toBe("application/octet-stream");
    expect(get.headers.get("content-length")).toBe("10");
    expect(new Uint8Array(await get.arrayBuffer())).toEqual(bytes.slice(10, 20));
    const empty = new Uint8Array(0);
    expect((await at(`${path}/uploads/?digest=${digestOf(empty)}`, { method: "POST", body: empty })).status).toBe(201);
    const nothing = await at(`${path}/${digestOf(empty)}`);
    expect(nothing.status).toBe(200);
    expect(nothing.headers.get("content-length")).toBe("0");
  });

  test("takes a chunked body, and keeps what came when the client goes away", async () => {
    const begun = await at("/v2/test/socket/blobs/uploads/", { method: "POST" });
    const location = begun.headers.get("location") ?? "";
    await raw(`PATCH ${location} HTTP/1.1\r\ntransfer-encoding: chunked`, "a\r\n0123456789\r\n", true);
    await untilTrue(async () => (await at(location)).headers.get("range") === "0-9");
    const whole = new TextEncoder().encode("0123456789abc");
    const headers = { "content-range": "10-12" };
    const last = await at(`${location}?digest=${digestOf(whole)}`, { method: "PUT", headers, body: "abc" });
    expect(last.status).toBe(201);
  });

  test.each([
    "GET /v2/../../etc/passwd HTTP/1.1",
    "GET /v2/a/blobs/uploads/../../../../registry.db HTTP/1.1",
    "GET /v2/%2e%2e/%2e%2e/registry.db HTTP/1.1",
    "GET /v2/a/manifests/..%2f..%2fregistry.db HTTP/1.1",
    "GET /v2/a/blobs/sha256:..%2f..%2f..%2fregistry.db HTTP/1.1",
    "GET /v2/a/manifests/%00 HTTP/1.1",
    "GET //v2/a/tags/list HTTP/1.1",
    "GET /api/v1/packages/..%2f..%2f/x HTTP/1.1",
  ])("has nothing at %s", async (line) => {
    expect(await raw(line)).toMatch(/^HTTP\/1\.1 (400|404) /);
  });

  test("takes one blob from 32 clients at once", async () => {
    const bytes = someBytes(2_000_000, 5);
    const repositories = Array.from({ length: 32 }, (_, index) =>
      clientOf(registry.host, { limits: { chunkBytes: 700_000 } }).repository(`test/shared-${index % 4}`),
    );
    await Promise.all(repositories.map((repository) => put(repository, bytes)));
    for (const repository of repositories)
      expect(await repository.stat(digestOf(bytes))).toEqual({ sizeBytes: bytes.length });
    const got = await at(`/v2/test/shared-3/blobs/${digestOf(bytes)}`);
    expect(digestOf(new Uint8Array(await got.arrayBuffer()))).toBe(digestOf(bytes));
    expect(readdirSync(join(data, "blobs/sha256")).filter((file) => file === digestOf(bytes).slice(7))).toHaveLength(1);
    expect(readdirSync(join(data, "uploads"))).toEqual([]);
  });

  test("stops on SIGTERM with status 0, and what it was told is there for the next", async () => {
    const own = mkdtempSync(join(tmpdir(), "cpm-stop-"));
    try {
      const first = await startRegistryProcess(own);
      const bytes = someBytes(1000);
      await put(clientOf(first.host).repository("test/stop"), bytes);
      expect(await first.end("SIGTERM")).toEqual({ exitCode: 0, signalCode: null });
      const second = await startRegistryProcess(own);
      expect(await clientOf(second.host).repository("test/stop").stat(blobOf(bytes).digest)).toEqual({
        sizeBytes: 1000,
      });
      await second.end("SIGTERM");
    } finally {
      rmSync(own, { recursive: true, force: true });
    }
  });
});

function at(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`http://${registry.host}${path}`, init);
}

/** Exactly these bytes, and everything that comes back. */
async function raw(head: string, body = "", leave = false): Promise<string> {
  const [hostname = "", port = ""] = registry.host.split(":");
  const socket = connect(Number(port), hostname);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = "";
  socket.on("data", (piece) => (text += piece.toString()));
  socket.once("close", () => resolve(text));
  socket.once("error", reject);
  socket.write(`${head}\r\nhost: ${registry.host}\r\nconnection: close\r\n\r\n${body}`);
  if (leave) setTimeout(() => socket.end(), 20);
  return promise;
}

async function untilTrue(isTrue: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 1000; turn++) {
    if (await isTrue()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error("it never became true");
}
