import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { whyNoGo } from "@cpm/dev-colony/programs";
import { digestOf } from "@cpm/store";
import { cpmRegistry } from "./command.ts";
import { whyNoPostgres } from "./postgres-server.ts";
import { startRegistryProcess } from "./registry-process.ts";
import { startS3Server } from "./s3-server.ts";
import type { S3Server } from "./s3-server.ts";
import { filesIn, inDirectory, inPostgres, inS3 } from "./storage-place.ts";
import type { StoragePlace } from "./storage-place.ts";
import { someBytes } from "./testing.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-scrub-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
let count = 0;
const fresh = (): string => join(scratch, String(count++));

const name = "test/scrub";
const bytes = someBytes(300_000);
const digest = digestOf(bytes);
const damaged = bytes.map((byte, at) => (at === 100_000 ? byte ^ 1 : byte));

/** The file of the one blob that is there. */
function spoil({ folder }: StoragePlace): void {
  const [path = ""] = filesIn(join(folder, "blobs"));
  chmodSync(path, 0o644);
  writeFileSync(path, damaged);
}

const blobUrl = (host: string) => `http://${host}/v2/${name}/blobs/${digest}`;
const statusOf = async (host: string, method: string) => (await fetch(blobUrl(host), { method })).status;
const push = async (host: string) =>
  (await fetch(`http://${host}/v2/${name}/blobs/uploads/?digest=${digest}`, { method: "POST", body: bytes })).status;

function testScrub(where: string, open: (folder: string) => StoragePlace | Promise<StoragePlace>): void {
  describe(`scrubbing ${where} beside a registry that serves`, () => {
    const scrub = ({ data, args, environment }: StoragePlace, more: readonly string[] = [], failpoint = "") =>
      cpmRegistry(["scrub", "--data", data, ...args, "--scrub-rate", "1GB", "--json", ...more], "", {
        ...environment,
        ...(failpoint === "" ? {} : { CPM_TEST: "1", CPM_FAILPOINT: failpoint }),
      });

    test.each(["scrub/found", "scrub/kept", "scrub/recorded"])(
      "and killed at %s loses nothing, and is done again to the same end",
      async (failpoint) => {
        const own = await open(fresh());
        const registry = await startRegistryProcess(own.data, own);
        try {
          expect(await push(registry.host)).toBe(201);
          expect(await scrub(own)).toMatchObject({ exitCode: 0 });
          spoil(own);
          expect((await scrub(own, [], failpoint)).exitCode).toBe(137);
          // The lease of the one that died is waited for by nobody: it is taken over once it has run out.
          await own.execute("UPDATE scrub SET leased_until = 0");
          const again = await scrub(own, ["--restart"]);
          expect([again.exitCode, JSON.parse(again.stdout).damaged]).toEqual([7, 1]);

          const list = await scrub(own, ["--list"]);
          const [{ keptAs, finding }, more] = JSON.parse(list.stdout).damages;
          expect([finding, more]).toEqual(["changed", undefined]);
          expect(new Uint8Array(readFileSync(join(own.folder, keptAs)))).toEqual(damaged);
          expect(filesIn(join(own.folder, "quarantine"))).toHaveLength(1);
          expect([await statusOf(registry.host, "HEAD"), await statusOf(registry.host, "GET")]).toEqual([404, 500]);

          expect(await push(registry.host)).toBe(201);
          const whole = await fetch(blobUrl(registry.host));
          expect(digestOf(await whole.bytes())).toBe(digest);
          expect(new Uint8Array(readFileSync(join(own.folder, keptAs)))).toEqual(damaged);
          expect(await scrub(own)).toMatchObject({ exitCode: 0 });
        } finally {
          await registry.end("SIGTERM");
        }
      },
      60_000,
    );
  });
}

testScrub("a directory", inDirectory);

describe.skipIf(whyNoGo() !== undefined)("in S3", () => {
  let server: S3Server;
  beforeAll(async () => void (server = await startS3Server()), 600_000);
  afterAll(() => server.stop());
  testScrub("S3", (folder) => inS3(folder, server));
  describe.skipIf(whyNoPostgres() !== undefined)("and PostgreSQL", () => {
    testScrub("S3, known in PostgreSQL,", (folder) => inPostgres(folder, server));
  });
});

describe("cpm-registry scrub", () => {
  test("tells where it stands, is stopped by a signal, and goes on", async () => {
    const data = fresh();
    const none = await cpmRegistry(["scrub", "--data", data]);
    expect([none.exitCode, none.stderr]).toEqual([2, expect.stringContaining("there is no registry")]);
    const registry = await startRegistryProcess(data, { args: ["--scrub-every", "off"] });
    try {
      expect(await push(registry.host)).toBe(201);
    } finally {
      await registry.end("SIGTERM");
    }
    const before = await cpmRegistry(["scrub", "--data", data, "--status"]);
    expect(before.stdout).toStartWith("no pass has begun yet\n0 contents");
    // At this rate the blob takes five minutes.
    const program = join(import.meta.dir, "../../../apps/registry/src/main.ts");
    const slow = Bun.spawn([process.execPath, program, "scrub", "--data", data, "--scrub-rate", "1kB"], {
      stdout: "pipe",
      stderr: "pipe",
    });
    while (!(await cpmRegistry(["scrub", "--data", data, "--status"])).stdout.includes("the pass stands at 0 %"));
    const busy = await cpmRegistry(["scrub", "--data", data]);
    expect([busy.exitCode, busy.stderr]).toEqual([6, expect.stringContaining("[registry-server/scrub-busy]")]);
    slow.kill("SIGTERM");
    expect(await slow.exited).toBe(0);
    const whole = await cpmRegistry(["scrub", "--data", data, "--scrub-rate", "1GB"]);
    expect([whole.exitCode, whole.stdout]).toEqual([0, expect.stringContaining("1 contents (300.0 kB) were read")]);
  }, 60_000);

  test("a backup takes a blob again that was healed since the last one", async () => {
    const own = inDirectory(fresh());
    const to = fresh();
    const registry = await startRegistryProcess(own.data);
    try {
      expect(await push(registry.host)).toBe(201);
      spoil(own);
      expect((await cpmRegistry(["backup", "--data", own.data, "--to", to])).exitCode).toBe(0);
      expect((await cpmRegistry(["scrub", "--data", own.data])).exitCode).toBe(7);
      expect(await push(registry.host)).toBe(201);
      expect((await cpmRegistry(["backup", "--data", own.data, "--to", to])).stdout).toContain("1 blobs");
      const [copy = ""] = filesIn(join(to, "blobs"));
      expect(digestOf(new Uint8Array(readFileSync(copy)))).toBe(digest);
      expect((await cpmRegistry(["backup", "--data", own.data, "--to", to])).stdout).toContain("0 blobs");
      expect(statSync(copy).size).toBe(bytes.length);
    } finally {
      await registry.end("SIGTERM");
    }
  }, 60_000);
});
