import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Digest } from "@cpm/base";
import { digestHex, encodeUtf8 } from "@cpm/base";
import { whyNoGo } from "@cpm/dev-colony/programs";
import { formatManifest, mediaTypes } from "@cpm/oci";
import type { Descriptor, OciIndex, OciManifest } from "@cpm/oci";
import { emptyConfigBytes, imageOf, indexOf } from "@cpm/registry/testing";
import { digestOf } from "@cpm/store";
import { cpmRegistry } from "./command.ts";
import type { CommandResult } from "./command.ts";
import { whyNoPostgres } from "./postgres-server.ts";
import { startRegistryProcess } from "./registry-process.ts";
import type { RegistryProcess } from "./registry-process.ts";
import { startS3Server } from "./s3-server.ts";
import type { S3Server } from "./s3-server.ts";
import { filesIn, inDirectory, inPostgres } from "./storage-place.ts";
import type { StoragePlace } from "./storage-place.ts";
import { blobOf } from "./testing.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-collect-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const program = join(import.meta.dir, "../../../apps/registry/src/main.ts");
let count = 0;
const freshFolder = (): string => join(scratch, String(count++));
const someText = (): Uint8Array<ArrayBuffer> => encodeUtf8(`content ${count++}`);

/** Leases of whoever was killed have run out. */
async function passLeases({ execute }: StoragePlace): Promise<void> {
  await execute("UPDATE object_removals SET remove_after = 0");
  await execute("UPDATE jobs SET leased_until = 0, last_started_at = 0");
}

/** Everything that nobody is at is due. */
const now = ["--delay", "0s"];
const failingAt = (failpoint: string) => ({ CPM_TEST: "1", CPM_FAILPOINT: failpoint });

function gc(
  { data, args, environment }: StoragePlace,
  more: readonly string[] = now,
  failpoint = "",
): Promise<CommandResult> {
  const failing = failpoint === "" ? {} : failingAt(failpoint);
  return cpmRegistry(["gc", "--data", data, ...args, "--json", ...more], "", { ...environment, ...failing });
}

async function send(host: string, method: string, path: string, body?: Uint8Array<ArrayBuffer>): Promise<number> {
  const headers = { "content-type": path.includes("/manifests/") ? typeOf(body) : mediaTypes.octetStream };
  return (await fetch(`http://${host}/v2/${path}`, { method, headers, ...(body === undefined ? {} : { body }) }))
    .status;
}

function typeOf(body: Uint8Array | undefined): string {
  return body !== undefined && new TextDecoder().decode(body).includes('"manifests"')
    ? mediaTypes.index
    : mediaTypes.manifest;
}

const pushBlob = (host: string, name: string, bytes: Uint8Array<ArrayBuffer>): Promise<number> =>
  send(host, "POST", `${name}/blobs/uploads/?digest=${digestOf(bytes)}`, bytes);

async function pushManifest(
  host: string,
  name: string,
  manifest: OciManifest | OciIndex,
  tag?: string,
): Promise<Descriptor> {
  const body = formatManifest(manifest);
  const digest = digestOf(body);
  expect(await send(host, "PUT", `${name}/manifests/${tag ?? digest}`, body)).toBe(201);
  return { mediaType: manifest.mediaType, digest, sizeBytes: body.length };
}

async function read(host: string, name: string, digest: Digest): Promise<Uint8Array | number> {
  const response = await fetch(`http://${host}/v2/${name}/blobs/${digest}`);
  return response.status === 200 ? response.bytes() : response.status;
}

/** What a repository has after some use: what is needed, and what is garbage. */
interface Contents {
  readonly name: string;
  readonly needed: readonly Uint8Array<ArrayBuffer>[];
  readonly neededManifests: readonly Digest[];
  readonly garbage: readonly Uint8Array<ArrayBuffer>[];
  readonly garbageManifests: readonly Digest[];
}

async function setUp(host: string): Promise<Contents> {
  const name = `test/r${count++}`;
  const [layer, childLayer, loose] = [someText(), someText(), someText()];
  for (const bytes of [emptyConfigBytes, layer, childLayer, loose]) expect(await pushBlob(host, name, bytes)).toBe(201);
  const image = await pushManifest(host, name, imageOf({ layers: [blobOf(layer)] }), "latest");
  const signature = await pushManifest(host, name, imageOf({ subject: image }));
  const child = await pushManifest(host, name, imageOf({ layers: [blobOf(childLayer)] }));
  const index = await pushManifest(host, name, indexOf([child]), "index");
  const attestation = await pushManifest(host, name, imageOf({ subject: index }));
  expect(await send(host, "DELETE", `${name}/manifests/${index.digest}`)).toBe(202);
  return {
    name,
    needed: [emptyConfigBytes, layer],
    neededManifests: [image.digest, signature.digest],
    garbage: [childLayer, loose],
    garbageManifests: [child.digest, attestation.digest],
  };
}

async function expectNeeded(host: string, { name, needed, neededManifests }: Contents): Promise<void> {
  for (const bytes of needed) expect(await read(host, name, digestOf(bytes))).toEqual(new Uint8Array(bytes));
  for (const digest of neededManifests) expect(await send(host, "GET", `${name}/manifests/${digest}`)).toBe(200);
}

async function expectCollected(host: string, { name, garbage, garbageManifests }: Contents): Promise<void> {
  for (const bytes of garbage) expect(await send(host, "HEAD", `${name}/blobs/${digestOf(bytes)}`)).toBe(404);
  for (const digest of garbageManifests) expect(await send(host, "HEAD", `${name}/manifests/${digest}`)).toBe(404);
}

function testCollecting(where: string, place: () => Promise<StoragePlace>): void {
  describe(`collecting in ${where}`, () => {
    let own: StoragePlace;
    let registry: RegistryProcess;
    /** Of every test of this process, since they share a registry. */
    const needed = new Set<Digest>();
    beforeAll(async () => {
      own = await place();
      registry = await startRegistryProcess(own.data, own);
    });
    afterAll(async () => void (await registry.end("SIGTERM")));

    async function fresh(): Promise<Contents> {
      const contents = await setUp(registry.host);
      for (const bytes of contents.needed) needed.add(digestOf(bytes));
      return contents;
    }
    /** What one deletion leaves behind is due in the next round. */
    async function collectAll(): Promise<void> {
      for (let round = 0; round < 2; round++) expect(await gc(own)).toMatchObject({ exitCode: 0 });
    }
    async function expectEnded(contents: Contents): Promise<void> {
      await collectAll();
      await expectNeeded(registry.host, contents);
      await expectCollected(registry.host, contents);
      expect(objects()).toHaveLength(needed.size);
    }
    const objects = () => filesIn(join(own.folder, "blobs"));

    test("says what would go, and takes that", async () => {
      const contents = await fresh();
      const plan = JSON.parse((await gc(own, [...now, "--dry-run"])).stdout);
      expect(plan.manifests.map((manifest: { digest: Digest }) => manifest.digest).toSorted()).toEqual(
        contents.garbageManifests.toSorted(),
      );
      const loose = contents.garbage.slice(1);
      expect(plan.blobs.map((blob: { digest: Digest }) => blob.digest)).toEqual(loose.map((bytes) => digestOf(bytes)));
      expect(plan).toMatchObject({ dryRun: true, orphans: [], bytes: loose[0]?.length ?? 0 });
      // Nobody is kept from anything for a day.
      const nothing = { manifests: 0, blobs: 0, objects: 0, bytes: 0, orphans: 0 };
      expect(JSON.parse((await gc(own, [])).stdout)).toEqual({ dryRun: false, ...nothing });
      const done = JSON.parse((await gc(own)).stdout);
      expect(done).toMatchObject({ manifests: 2, blobs: 2, objects: 2, orphans: 0 });
      expect(objects()).toHaveLength(needed.size);
      await expectCollected(registry.host, contents);
      await expectNeeded(registry.host, contents);
    }, 60_000);

    test.each([
      "collect/manifests-decided",
      "collect/manifests-collected",
      "collect/blobs-decided",
      "collect/blobs-collected",
      "collect/removals-claimed",
      "collect/object-removed",
      "collect/removals-forgotten",
      "sweep/orphans-named",
    ])(
      "and killed at %s loses nothing, and is ended by the next",
      async (failpoint) => {
        const contents = await fresh();
        const orphan = join(own.folder, "blobs/sha256", digestHex(digestOf(someText())));
        mkdirSync(dirname(orphan), { recursive: true });
        writeFileSync(orphan, "of no blob");
        expect((await gc(own, now, failpoint)).exitCode).toBe(137);
        await expectNeeded(registry.host, contents);
        await passLeases(own);
        await expectEnded(contents);
        // What was collected can be pushed anew.
        for (const bytes of contents.garbage) {
          expect(await pushBlob(registry.host, contents.name, bytes)).toBe(201);
          expect(await read(registry.host, contents.name, digestOf(bytes))).toEqual(new Uint8Array(bytes));
        }
        await collectAll();
      },
      60_000,
    );

    test("leaves what an upload has put in place and a crash kept from being recorded", async () => {
      const bytes = someText();
      const name = `test/r${count++}`;
      const elsewhere = await place();
      const doomed = await startRegistryProcess(elsewhere.data, { ...elsewhere, failpoint: "upload/adopted" });
      const begun = await fetch(`http://${doomed.host}/v2/${name}/blobs/uploads/`, { method: "POST" });
      const path = `${begun.headers.get("location") ?? ""}?digest=${digestOf(bytes)}`;
      const end = async (host: string, body?: Uint8Array<ArrayBuffer>) =>
        (await fetch(`http://${host}${path}`, { method: "PUT", ...(body === undefined ? {} : { body }) })).status;
      expect(await end(doomed.host, bytes).catch(() => "no answer")).toBe("no answer");
      await doomed.ended;
      for (let round = 0; round < 2; round++)
        expect(await gc(elsewhere)).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('"objects":0') });
      const last = await startRegistryProcess(elsewhere.data, elsewhere);
      try {
        expect(await end(last.host)).toBe(201);
        expect(await read(last.host, name, digestOf(bytes))).toEqual(new Uint8Array(bytes));
      } finally {
        await last.end("SIGTERM");
      }
    }, 60_000);

    test.skipIf(process.platform !== "linux")(
      "and stopped while it removes an object takes nothing of who pushes the same meanwhile (Linux only: /proc)",
      async () => {
        const bytes = someText();
        const name = `test/r${count++}`;
        expect(await pushBlob(registry.host, name, bytes)).toBe(201);
        await own.execute("UPDATE blob_reviews SET touched_at = 0");
        const collecting = Bun.spawn([process.execPath, program, "gc", "--data", own.data, ...own.args], {
          env: { ...process.env, ...own.environment, ...failingAt("collect/removals-claimed:1:pause") },
          stdio: ["ignore", "ignore", "inherit"],
        });
        while (!isStopped(collecting.pid)) await Bun.sleep(5);
        expect(await send(registry.host, "HEAD", `${name}/blobs/${digestOf(bytes)}`)).toBe(404);
        const pushed = pushBlob(registry.host, name, bytes);
        // Until it waits for the removal, or has not to.
        await Promise.race([pushed, untilMarked(own)]);
        collecting.kill("SIGCONT");
        expect(await collecting.exited).toBe(0);
        expect(await pushed).toBe(201);
        expect(await read(registry.host, name, digestOf(bytes))).toEqual(new Uint8Array(bytes));
      },
      60_000,
    );

    test("again and again takes nothing of 12 clients that share a layer and push as it goes", async () => {
      const shared = someText();
      const pushing = new AbortController();
      const collection = (async () => {
        let collected = 0;
        while (!pushing.signal.aborted) collected += (JSON.parse((await gc(own)).stdout) as { blobs: number }).blobs;
        return collected;
      })();
      const pushed: (readonly [string, Uint8Array<ArrayBuffer>])[] = [];
      const client = async (name: string): Promise<void> => {
        for (let turn = 0; turn < 4; turn++) {
          const layer = someText();
          // Left behind, so that there is always something to collect.
          await pushBlob(registry.host, name, someText());
          const body = formatManifest(imageOf({ layers: [blobOf(shared), blobOf(layer)] }));
          // The delay is none: whoever is told that a layer is missing pushes it again.
          do
            for (const bytes of [emptyConfigBytes, shared, layer])
              expect(await pushBlob(registry.host, name, bytes)).toBe(201);
          while ((await send(registry.host, "PUT", `${name}/manifests/v${turn}`, body)) !== 201);
          pushed.push([name, layer]);
        }
      };
      await Promise.all(Array.from({ length: 12 }, () => client(`test/r${count++}`)));
      pushing.abort();
      expect(await collection).toBeGreaterThan(0);
      // Those that another took the place of are kept for a day, for whoever reads them.
      await own.execute("UPDATE object_removals SET remove_after = 0");
      await collectAll();
      for (const [name, layer] of pushed)
        for (const bytes of [shared, layer])
          expect(await read(registry.host, name, digestOf(bytes))).toEqual(new Uint8Array(bytes));
      for (const bytes of [emptyConfigBytes, shared, ...pushed.map(([, layer]) => layer)]) needed.add(digestOf(bytes));
      expect(objects()).toHaveLength(needed.size);
    }, 120_000);

    test.each(["collect/blobs-collected", "collect/object-removed"])(
      "as a job of a server that is killed at %s",
      async (failpoint) => {
        const contents = await fresh();
        await registry.end("SIGTERM");
        const args = [...own.args, "--collect-delay", "0s", "--collect-interval", "1s"];
        await (
          await startRegistryProcess(own.data, { ...own, args, failpoint })
        ).ended;
        registry = await startRegistryProcess(own.data, own);
        await expectNeeded(registry.host, contents);
        await passLeases(own);
        await expectEnded(contents);
      },
      60_000,
    );
  });
}

test("a backup beside a collection has all that is needed, and says what is not there", async () => {
  const own = inDirectory(freshFolder());
  const registry = await startRegistryProcess(own.data, own);
  try {
    const kept: Contents[] = [];
    for (let turn = 0; turn < 5; turn++) kept.push(await setUp(registry.host));
    const to = join(scratch, String(count++));
    const backup = () => cpmRegistry(["backup", "--data", own.data, "--to", to, "--json"]);
    for (const table of ["blob_reviews", "manifest_reviews"]) await own.execute(`UPDATE ${table} SET touched_at = 0`);
    const [made, collected] = await Promise.all([backup(), gc(own, [])]);
    expect(JSON.parse(collected.stdout)).toMatchObject({ manifests: 10, blobs: 5 });
    expect(JSON.parse(made.stdout)).toMatchObject({ to, missingBlobs: 0 });
    const restored = await startRegistryProcess(to);
    for (const contents of kept) await expectNeeded(restored.host, contents);
    await restored.end("SIGTERM");

    const [lost = emptyConfigBytes] = kept[0]?.needed.slice(1) ?? [];
    for (const root of [own.data, to]) rmSync(join(root, "blobs/sha256", digestHex(digestOf(lost))));
    const again = await backup();
    expect(JSON.parse(again.stdout)).toMatchObject({ copiedBlobs: 0, missingBlobs: 1 });
    expect(again.stderr).toContain("1 blobs that manifests need were not there");
  } finally {
    await registry.end("SIGTERM");
  }
}, 60_000);

function isStopped(pid: number): boolean {
  return /^State:\s*T/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
}

/** In a directory, an upload whose digest is known is marked before it is put in place. */
async function untilMarked({ data, args }: StoragePlace): Promise<void> {
  while (args.length > 0 || !readdirSync(join(data, "uploads")).some((name) => name.endsWith(".blob")))
    await Bun.sleep(5);
}

testCollecting("SQLite and a directory", async () => inDirectory(freshFolder()));

describe.skipIf((whyNoPostgres() ?? whyNoGo()) !== undefined)("in servers", () => {
  let server: S3Server;
  beforeAll(async () => void (server = await startS3Server()), 600_000);
  afterAll(() => server.stop());
  testCollecting("PostgreSQL and S3", () => inPostgres(freshFolder(), server));
});
