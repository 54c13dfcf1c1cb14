import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { collectBytes } from "@cpm/base";
import { S3Objects } from "@cpm/registry/testing/objects";
import { digestOf } from "@cpm/store";
import { whyNoGo } from "@cpm/dev-colony/programs";
import { cpmRegistry } from "./command.ts";
import { startFaultProxy } from "./fault-proxy.ts";
import type { FaultProxy } from "./fault-proxy.ts";
import { startRegistryProcess } from "./registry-process.ts";
import type { RegistryProcess } from "./registry-process.ts";
import { startS3Server } from "./s3-server.ts";
import type { S3Server } from "./s3-server.ts";
import { objectFlags } from "./storage-flags.ts";
import { blobOf, clientOf, codeOf, someBytes } from "./testing.ts";

const name = "test/s3";
const scratch = mkdtempSync(join(tmpdir(), "cpm-s3-registry-"));
let count = 0;

describe.skipIf(whyNoGo() !== undefined)("a registry with its blobs in S3", () => {
  let server: S3Server;
  let proxy: FaultProxy;
  beforeAll(async () => {
    server = await startS3Server();
    proxy = await startFaultProxy(server.host);
  }, 600_000);
  afterAll(async () => {
    proxy.stop();
    await server.stop();
    rmSync(scratch, { recursive: true, force: true });
  });

  const dataDirectory = (): string => join(scratch, String(count++));
  const start = (data: string, failpoint = "", more: readonly string[] = [], open = true): Promise<RegistryProcess> => {
    const { args, environment } = objectFlags(server.settings(proxy.host));
    return startRegistryProcess(data, { failpoint, open, args: [...args, ...more], environment });
  };
  const objects = () =>
    new S3Objects(server.settings(proxy.host), { answerTimeoutMs: 2000, silenceTimeoutMs: 300, backOffMs: 1 });
  const stored = async (bytes: Uint8Array<ArrayBuffer>) => {
    const staging = await objects().openStaging(crypto.randomUUID(), {}, async () => {}, false);
    await staging.write(bytes);
    await staging.flush(true);
    return { object: await staging.seal(), sizeBytes: bytes.length };
  };

  describe.each([
    ["of one object", 300_000],
    ["in parts", 9_000_000],
  ])("killed while a blob %s is finished", (_, sizeBytes) => {
    const bytes = someBytes(sizeBytes);
    const digest = digestOf(bytes);
    const half = Math.floor(sizeBytes / 2);
    test.each([
      ["upload/received", false],
      ["upload/hashed", false],
      ...(sizeBytes > 8_400_000
        ? ([
            ["object/multipart-created", false],
            ["object/completed", false],
          ] as const)
        : []),
      ["upload/adopted", false],
      ["upload/recorded", true],
    ] as const)(
      "at %s has the blob whole or not at all (%p)",
      async (failpoint, recorded) => {
        const data = dataDirectory();
        const doomed = await start(data, failpoint);
        const begun = await fetch(`http://${doomed.host}/v2/${name}/blobs/uploads/`, { method: "POST" });
        const location = begun.headers.get("location") ?? "";
        const patch = await fetch(`http://${doomed.host}${location}`, { method: "PATCH", body: bytes.slice(0, half) });
        expect(patch.status).toBe(202);
        const put = (host: string, at: number) =>
          fetch(`http://${host}${location}?digest=${digest}`, {
            method: "PUT",
            headers: at === bytes.length ? {} : { "content-range": `${at}-${bytes.length - 1}` },
            body: bytes.slice(at),
          }).then((answer) => answer.status);
        expect(await put(doomed.host, half).catch(() => "no answer")).toBe("no answer");
        await doomed.ended;

        const last = await start(data);
        try {
          const blob = `http://${last.host}/v2/${name}/blobs/${digest}`;
          expect((await fetch(blob, { method: "HEAD" })).status).toBe(recorded ? 200 : 404);
          const status = await fetch(`http://${last.host}${location}`);
          expect(status.status).toBe(recorded ? 404 : 204);
          if (!recorded) {
            // What was acknowledged is there at least.
            const at = Number(status.headers.get("range")?.split("-")[1]) + 1;
            expect(at).toBeGreaterThanOrEqual(half);
            expect(await put(last.host, at)).toBe(201);
          }
          expect(digestOf(new Uint8Array(await (await fetch(blob)).arrayBuffer()))).toBe(digest);
        } finally {
          await last.end("SIGTERM");
        }
      },
      120_000,
    );
  });

  test("a slow, failing and closing S3 is asked again, and a write is whole all the same", async () => {
    const bytes = someBytes(9_000_000, 3);
    proxy.faults.push(
      { method: "POST", answer: slowDown },
      { method: "PUT", path: /partNumber=1/, cutRequestAfter: 1_000_000 },
      { method: "PUT", path: /partNumber=2/, cutResponseAfter: -1 },
    );
    const { object, sizeBytes } = await stored(bytes);
    expect(proxy.faults).toEqual([]);
    expect(digestOf(await collectBytes(objects().read(object, sizeBytes), sizeBytes))).toBe(digestOf(bytes));
  }, 60_000);

  test.each([
    ["NoSuchUpload", "404 Not Found"],
    ["InvalidPart", "400 Bad Request"],
  ])(
    "an upload whose completion was answered by nothing, and then by %s, is whole where the object is",
    async (code, status) => {
      const text = `<Error><Code>${code}</Code><Message>no</Message></Error>`;
      const answer = `HTTP/1.1 ${status}\r\ncontent-length: ${text.length}\r\nconnection: close\r\n\r\n${text}`;
      const bytes = someBytes(9_000_000, 11);
      const complete = { method: "POST", path: /uploadId=/ };
      proxy.faults.push({ ...complete, cutResponseAfter: -1 }, { ...complete, answer });
      const { object, sizeBytes } = await stored(bytes);
      expect(proxy.faults).toEqual([]);
      expect(digestOf(await collectBytes(objects().read(object, sizeBytes), sizeBytes))).toBe(digestOf(bytes));
      // Where it is not, nothing is said to be there.
      proxy.faults.push({ ...complete, answer });
      expect(await codeOf(stored(bytes))).toBe("registry-server/storage");
      expect(proxy.faults).toEqual([]);
    },
    60_000,
  );

  test.each([
    ["ends too early", { cutResponseAfter: 1_000_000 }],
    ["falls silent", { stallAfter: 1_000_000 }],
    ["has no head", { cutResponseAfter: -1 }],
  ])(
    "a body that %s is gone on with",
    async (_, fault) => {
      const bytes = someBytes(3_000_000, 4);
      const { object, sizeBytes } = await stored(bytes);
      proxy.faults.push({ method: "GET", ...fault });
      const read = await collectBytes(objects().read(object, sizeBytes), sizeBytes);
      expect(digestOf(read)).toBe(digestOf(bytes));
      expect(proxy.faults).toEqual([]);
    },
    60_000,
  );

  test("a body that is cut again and again fails, and is never a short 200", async () => {
    const registry = await start(dataDirectory());
    try {
      const bytes = someBytes(3_000_000, 5);
      const repository = clientOf(registry.host).repository(name);
      const ingest = await repository.ingest(blobOf(bytes));
      await ingest?.write(bytes);
      await ingest?.commit();
      proxy.faults.push({ method: "GET", path: /blobs/, times: 8, cutResponseAfter: 200_000 });
      const answer = await fetch(`http://${registry.host}/v2/${name}/blobs/${digestOf(bytes)}`);
      expect(
        await answer.arrayBuffer().then(
          () => "whole",
          () => "failed",
        ),
      ).toBe("failed");
      proxy.faults.length = 0;
      const again = await fetch(`http://${registry.host}/v2/${name}/blobs/${digestOf(bytes)}`);
      expect(digestOf(new Uint8Array(await again.arrayBuffer()))).toBe(digestOf(bytes));
    } finally {
      proxy.faults.length = 0;
      await registry.end("SIGTERM");
    }
  }, 60_000);

  test("an S3 that refuses for long is 503 with a time to wait, is not ready, and recovers", async () => {
    const registry = await start(dataDirectory());
    try {
      const bytes = someBytes(1000, 6);
      const push = () =>
        fetch(`http://${registry.host}/v2/${name}/blobs/uploads/?digest=${digestOf(bytes)}`, {
          method: "POST",
          body: bytes,
        });
      proxy.faults.push({ times: 1000, answer: slowDown });
      const refused = await push();
      expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "10"]);
      expect((await refused.json()).errors[0].detail.code).toBe("registry-server/storage");
      expect((await fetch(`http://${registry.host}/readyz`)).status).toBe(503);
      proxy.faults.length = 0;
      expect((await push()).status).toBe(201);
      expect((await fetch(`http://${registry.host}/readyz`)).status).toBe(200);
      // A HEAD is answered by the database alone.
      proxy.faults.push({ times: 1000, answer: slowDown });
      const head = `http://${registry.host}/v2/${name}/blobs/${digestOf(bytes)}`;
      expect((await fetch(head, { method: "HEAD" })).headers.get("content-length")).toBe("1000");
    } finally {
      proxy.faults.length = 0;
      await registry.end("SIGTERM");
    }
  }, 60_000);

  test("wrong keys are refused at once", async () => {
    const wrong = new S3Objects({ ...server.settings(proxy.host), secretAccessKey: "wrong" });
    const before = proxy.exchanges.length;
    expect(await codeOf(wrong.check())).toBe("registry-server/storage");
    expect(proxy.exchanges.length).toBe(before + 1);
  });

  test("large blobs are redirected, and our client shows its credentials to the registry only", async () => {
    const data = dataDirectory();
    const user = { username: "olga", password: "a long password" };
    const added = await cpmRegistry(
      ["user", "add", user.username, "--admin", "--password-stdin", "--data", data],
      user.password,
    );
    expect(added.exitCode).toBe(0);
    // Nobody may read who does not show who they are.
    const namespace = await cpmRegistry(["namespace", "add", "test", "--owner", "olga", "--private", "--data", data]);
    expect(namespace).toMatchObject({ exitCode: 0 });
    const registry = await start(data, "", ["--redirect-blobs", "--redirect-min-size", "2kB"], false);
    const headers = { authorization: `Basic ${btoa(`${user.username}:${user.password}`)}` };
    try {
      const [small, large] = [someBytes(1999, 7), someBytes(2000, 8)];
      const url = (bytes: Uint8Array) => `http://${registry.host}/v2/${name}/blobs/${digestOf(bytes)}`;
      for (const body of [small, large]) {
        const target = `http://${registry.host}/v2/${name}/blobs/uploads/?digest=${digestOf(body)}`;
        expect((await fetch(target, { method: "POST", headers, body })).status).toBe(201);
      }
      const statusOf = async (bytes: Uint8Array, method: string) =>
        (await fetch(url(bytes), { method, headers, redirect: "manual" })).status;
      expect(await statusOf(small, "GET")).toBe(200);
      expect(await statusOf(large, "HEAD")).toBe(200);
      const redirect = await fetch(url(large), { headers, redirect: "manual" });
      expect(redirect.status).toBe(307);
      const location = new URL(redirect.headers.get("location") ?? "");
      expect(Number(location.searchParams.get("X-Amz-Expires"))).toBeGreaterThanOrEqual(600);
      const range = await fetch(location, { headers: { range: "bytes=10-19" } });
      expect(new Uint8Array(await range.arrayBuffer())).toEqual(large.slice(10, 20));

      proxy.exchanges.length = 0;
      const credentials = { get: async () => ({ kind: "password", ...user }) as const };
      const repository = clientOf(registry.host, { credentials }).repository(name);
      const read = await collectBytes(repository.read(blobOf(large)), 2000);
      expect(read).toEqual(large);
      const gets = proxy.exchanges.filter(({ method }) => method === "GET");
      expect(gets.length).toBe(1);
      expect(gets[0]?.headers["authorization"]).toBeUndefined();
    } finally {
      await registry.end("SIGTERM");
    }
  }, 60_000);
});

const slowDown = `HTTP/1.1 503 Slow Down\r\ncontent-length: 57\r\nconnection: close\r\n\r\n<Error><Code>SlowDown</Code><Message>no</Message></Error>`;
