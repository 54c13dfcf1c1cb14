import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { whyNoGo } from "@cpm/dev-colony/programs";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { digestOf } from "@cpm/store";
import { put } from "@cpm/store/testing";
import { startFaultProxy } from "./fault-proxy.ts";
import type { FaultProxy } from "./fault-proxy.ts";
import { sharedPostgresServer, whyNoPostgres } from "./postgres-server.ts";
import { startRegistryProcess } from "./registry-process.ts";
import type { RegistryProcess, RegistryProcessOptions } from "./registry-process.ts";
import { startS3Server } from "./s3-server.ts";
import type { S3Server } from "./s3-server.ts";
import { objectFlags } from "./storage-flags.ts";
import type { StorageFlags } from "./storage-flags.ts";
import { clientOf, someBytes } from "./testing.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-mirror-"));
const name = "acme/large";
const bytes = someBytes(12_000_000);
const digest = digestOf(bytes);
const path = `/v2/${name}/blobs/${digest}`;

let upstream: RegistryProcess;
let proxy: FaultProxy;
let count = 0;
const running: RegistryProcess[] = [];

beforeAll(async () => {
  upstream = await startRegistryProcess(join(scratch, "upstream"));
  await put(clientOf(upstream.host).repository(name), bytes);
  proxy = await startFaultProxy(upstream.host);
});
afterAll(async () => {
  await endMirrors();
  await upstream.end("SIGTERM");
  proxy.stop();
  rmSync(scratch, { recursive: true, force: true });
});
afterEach(() => {
  expect(proxy.faults.splice(0)).toEqual([]);
  proxy.exchanges.splice(0);
});

async function startMirror(data: string, options: RegistryProcessOptions = {}): Promise<RegistryProcess> {
  const args = ["--mirror", `acme=http://${proxy.host}`, "--open-metrics", ...(options.args ?? [])];
  const mirror = await startRegistryProcess(data, { ...options, args });
  running.push(mirror);
  return mirror;
}

async function endMirrors(): Promise<void> {
  for (const mirror of running.splice(0)) await mirror.end("SIGTERM");
}

const freshData = (): string => join(scratch, String(count++));
const gets = (): number => proxy.exchanges.filter((entry) => entry.method === "GET" && entry.path === path).length;
const digestFrom = async (host: string): Promise<string> =>
  digestOf(new Uint8Array(await (await fetch(`http://${host}${path}`)).arrayBuffer()));

/** Until the blob is in the cache, so that no other test's figures have a part of it. */
async function untilKept(host: string): Promise<void> {
  while (!/^cpm_registry_mirror_cached_bytes 1[0-9]{7}$/m.test(await metricsOf(host))) await Bun.sleep(20);
}

async function metricsOf(host: string): Promise<string> {
  return (await fetch(`http://${host}/metrics`)).text();
}

/** What a registry is told to keep its blobs in S3, under a name of its own. */
function inBucket(server: S3Server, folder: string): StorageFlags {
  const settings = server.settings();
  return objectFlags({ ...settings, prefix: `${settings.prefix}${folder}/` });
}

describe("a mirror on the network", () => {
  test("asks once for what 32 clients want at the same time, and keeps it", async () => {
    const { host } = await startMirror(freshData());
    const found = await Promise.all(Array.from({ length: 32 }, () => digestFrom(host)));
    expect(new Set(found)).toEqual(new Set([digest]));
    expect(gets()).toBe(1);
    await untilKept(host);
    expect(await digestFrom(host)).toBe(digest);
    expect(gets()).toBe(1);
    const metrics = await metricsOf(host);
    expect(metrics).toContain(`cpm_registry_mirror_fetched_bytes_total ${bytes.length}`);
    expect(metrics).toContain('cpm_registry_mirror_answers_total{content="blob",outcome="miss"} 32');
    expect(metrics).toContain('cpm_registry_mirror_answers_total{content="blob",outcome="hit"} 1');
  }, 60_000);

  test("gives the first bytes and the first range while the rest is still on its way", async () => {
    const { host } = await startMirror(freshData());
    const gate = Promise.withResolvers<void>();
    proxy.faults.push({ method: "GET", path: /\/blobs\//, cutResponseAfter: 5_000_000, cutWhen: gate.promise });
    const whole = await fetch(`http://${host}${path}`);
    const reader = whole.body?.getReader();
    const first = await reader?.read();
    expect(first?.value?.length).toBeGreaterThan(0);
    const range = await fetch(`http://${host}${path}`, { headers: { range: "bytes=1000000-1000099" } });
    expect(range.status).toBe(206);
    expect(new Uint8Array(await range.arrayBuffer())).toEqual(bytes.slice(1_000_000, 1_000_100));
    expect(gets()).toBe(1);
    // The connection to the upstream breaks: it is gone on with from there, and nobody here notices.
    gate.resolve();
    let received = first?.value?.length ?? 0;
    for (let piece = await reader?.read(); piece?.done === false; piece = await reader?.read())
      received += piece.value.length;
    expect(received).toBe(bytes.length);
    expect(proxy.exchanges.at(-1)?.headers["range"]).toMatch(/^bytes=\d{6,}-/);
  }, 60_000);

  test("is not held up by a client that does not read", async () => {
    const { host } = await startMirror(freshData());
    const [hostname = "", port = ""] = host.split(":");
    const stalled = connect(Number(port), hostname);
    stalled.on("error", () => undefined);
    stalled.pause();
    stalled.write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
    while (gets() === 0) await Bun.sleep(5);
    expect(await digestFrom(host)).toBe(digest);
    expect(gets()).toBe(1);
    stalled.destroy();
  }, 60_000);

  test("fetches on when the client has left", async () => {
    const { host } = await startMirror(freshData());
    const abort = new AbortController();
    const response = await fetch(`http://${host}${path}`, { signal: abort.signal });
    await response.body?.getReader().read();
    abort.abort();
    await untilKept(host);
    expect(await digestFrom(host)).toBe(digest);
    expect(gets()).toBe(1);
  }, 60_000);

  test("takes no credential of a client to its upstream, and its own to no other host", async () => {
    const seen: (string | null)[] = [];
    const other = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch(request) {
        seen.push(request.headers.get("authorization"));
        return new Response(bytes);
      },
    });
    const challenge = `HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic realm="x"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`;
    const redirect = `HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:${other.port}/x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`;
    const environment = { CPM_REGISTRY_MIRROR_CREDENTIALS: `${proxy.host}=robot:hush` };
    const { host } = await startMirror(freshData(), { environment });
    proxy.faults.push({ method: "HEAD", answer: challenge });
    proxy.faults.push({ method: "GET", path: /\/blobs\//, answer: redirect });
    const authorization = `Basic ${btoa("nina:her own")}`;
    const response = await fetch(`http://${host}${path}`, { headers: { authorization } });
    expect(digestOf(new Uint8Array(await response.arrayBuffer()))).toBe(digest);
    expect(seen).toEqual([null]);
    const shown = proxy.exchanges.map(({ headers }) => headers["authorization"]).filter((value) => value !== undefined);
    expect(new Set(shown)).toEqual(new Set([`Basic ${btoa("robot:hush")}`]));
    await other.stop(true);
  }, 60_000);

  test("of itself refuses at once", async () => {
    const data = freshData();
    const free = await startRegistryProcess(data);
    const { host } = free;
    await free.end("SIGTERM");
    const mirror = await startRegistryProcess(data, {
      args: ["--mirror", `acme=http://${host}`, "--listen", host, "--log", "off"],
    });
    running.push(mirror);
    const response = await fetch(`http://${host}/v2/${name}/manifests/one`);
    // The loop is found at its second turn; the first one hears of it as of any failure of its upstream.
    expect([response.status, (await response.json()).errors[0].message]).toEqual([504, expect.stringContaining("508")]);
  }, 60_000);
});

const withS3 = whyNoGo() === undefined;
const caches = [["a directory", false], ...(withS3 ? [["S3", true] as const] : [])] as const;

describe.each(caches)("a mirror with its cache in %s that is killed", (_, inS3) => {
  let server: S3Server | undefined;
  beforeAll(async () => {
    if (inS3) server = await startS3Server();
  }, 600_000);
  afterAll(async () => {
    await endMirrors();
    await server?.stop();
  });
  function startKeeping(data: string, options: RegistryProcessOptions = {}): Promise<RegistryProcess> {
    return startMirror(data, { ...options, ...(server === undefined ? {} : inBucket(server, basename(data))) });
  }

  test("in the middle of a fetch shows nothing of it, and fetches the whole again", async () => {
    const data = freshData();
    const doomed = await startKeeping(data);
    proxy.faults.push({ method: "GET", path: /\/blobs\//, stallAfter: 3_000_000 });
    const response = await fetch(`http://${doomed.host}${path}`);
    await response.body?.getReader().read();
    await doomed.end("SIGKILL");
    const { host } = await startKeeping(data);
    expect(readdirSync(join(data, "spool"))).toEqual([]);
    expect(await metricsOf(host)).toContain("cpm_registry_mirror_cached_bytes 0\n");
    expect(await digestFrom(host)).toBe(digest);
    expect(gets()).toBe(2);
  }, 60_000);

  test.each([
    ["mirror/marked", 2],
    ["mirror/arrived", 2],
    ["mirror/recorded", 1],
  ] as const)(
    "at %s has all of a blob or nothing: it is asked for %p times",
    async (failpoint, expected) => {
      const data = freshData();
      const doomed = await startKeeping(data, { failpoint });
      // Who asked may have everything before the mirror has.
      await digestFrom(doomed.host).catch(() => undefined);
      await doomed.ended;
      const { host } = await startKeeping(data);
      expect(await digestFrom(host)).toBe(digest);
      await untilKept(host);
      expect(await digestFrom(host)).toBe(digest);
      expect(gets()).toBe(expected);
    },
    60_000,
  );
});

describe.skipIf(!withS3 || whyNoPostgres() !== undefined)("replicas of a mirror", () => {
  test("have one cache: what one has fetched, another does not ask for", async () => {
    const server = await startS3Server();
    const { host, port, database, user } = await (await sharedPostgresServer()).createDatabase();
    const { args, environment } = inBucket(server, "replicas");
    const options = { args: [...args, "--database", `postgres://${user}@${host}:${port}/${database}`], environment };
    const [first, second] = [await startMirror(freshData(), options), await startMirror(freshData(), options)];
    expect(await digestFrom(first.host)).toBe(digest);
    await untilKept(first.host);
    expect(await digestFrom(second.host)).toBe(digest);
    expect(gets()).toBe(1);
    await endMirrors();
    await server.stop();
  }, 600_000);
});
