import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { formatManifest } from "@cpm/oci";
import { packageArtifact } from "@cpm/registry/testing";
import type { PostgresSettings } from "@cpm/registry/testing/databases";
import { digestOf } from "@cpm/store";
import { cpmRegistry } from "./command.ts";
import { execute, startPostgresServer } from "./postgres-server.ts";
import type { PostgresServer } from "./postgres-server.ts";
import type { RegistryProcess } from "./registry-process.ts";
import { sharedS3Server } from "./s3-server.ts";
import { serversMode, serversStorage } from "./storage-mode.ts";
import { someBytes } from "./testing.ts";

const name = "test/faults";
const { reason } = serversMode;
if (reason !== undefined) process.stdout.write(`faults of PostgreSQL are not tested: ${reason}\n`);

describe.skipIf(reason !== undefined)("a registry whose PostgreSQL", () => {
  // Of its own, since it is stopped.
  let server: PostgresServer;
  let settings: PostgresSettings;
  let registry: RegistryProcess;
  beforeAll(async () => {
    server = await startPostgresServer();
    settings = await server.createEmptyDatabase();
    registry = await serversStorage(settings, (await sharedS3Server()).settings()).start({ args: ["--log", "off"] });
  }, 120_000);
  afterAll(async () => {
    await registry.end("SIGTERM");
    await server.dispose();
  });

  const ask = (method: string, path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`http://${registry.host}${path}`, { method, ...init });
  const push = (bytes: Uint8Array<ArrayBuffer>): Promise<Response> =>
    ask("POST", `/v2/${name}/blobs/uploads/?digest=${digestOf(bytes)}`, { body: bytes });

  test("goes away answers 503 with a time to wait, is not ready, and goes on by itself when it is back", async () => {
    const { manifest, blobs } = await packageArtifact({ name, version: "1.0.0" });
    for (const content of blobs.values()) expect((await push(content)).status).toBe(201);
    const path = `/v2/${name}/manifests/1.0.0`;
    expect((await ask("PUT", path, { body: formatManifest(manifest) })).status).toBe(201);
    const bytes = someBytes(300_000, 21);
    const location = (await ask("POST", `/v2/${name}/blobs/uploads/`)).headers.get("location") ?? "";
    expect((await ask("PATCH", location, { body: bytes.slice(0, 100_000) })).status).toBe(202);

    await server.stop();
    const rest = { body: bytes.slice(100_000), headers: { "content-range": `100000-${bytes.length - 1}` } };
    const finish = () => ask("PUT", `${location}?digest=${digestOf(bytes)}`, rest);
    for (const answer of [await ask("GET", path), await ask("GET", `/v2/${name}/tags/list`), await finish()]) {
      expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "5"]);
      expect((await answer.json()).errors[0].message).toContain("the registry's database cannot be reached; try again");
    }
    const ready = await ask("GET", "/readyz");
    expect(ready.status).toBe(503);
    expect((await ready.json()).checks.database).toContain(`${settings.database} at 127.0.0.1:${settings.port}`);
    expect((await ask("GET", "/livez")).status).toBe(200);

    await server.start();
    expect((await ask("GET", "/readyz")).status).toBe(200);
    expect((await ask("GET", path)).status).toBe(200);
    expect((await ask("GET", location)).headers.get("range")).toBe("0-99999");
    expect((await finish()).status).toBe(201);
  }, 60_000);

  test("is killed again and again loses nothing that was acknowledged", async () => {
    const acknowledged: Uint8Array<ArrayBuffer>[] = [];
    const refused: number[] = [];
    const end = new AbortController();
    const client = async (seed: number): Promise<void> => {
      for (let count = 0; !end.signal.aborted; count++) {
        const bytes = someBytes(500, seed + count);
        const { status } = await push(bytes);
        if (status === 201) acknowledged.push(bytes);
        else refused.push(status);
      }
    };
    const clients = Promise.all([client(100_000), client(200_000), client(300_000)]);
    for (let round = 0; round < 3; round++) {
      const before = acknowledged.length;
      while (acknowledged.length < before + 20) await Bun.sleep(5);
      await server.stop();
      const refusedBefore = refused.length;
      while (refused.length < refusedBefore + 3) await Bun.sleep(5);
      await server.start();
    }
    end.abort();
    await clients;
    expect(new Set(refused)).toEqual(new Set([503]));
    const kept = await Promise.all(
      acknowledged.map(async (bytes) => (await ask("HEAD", `/v2/${name}/blobs/${digestOf(bytes)}`)).status),
    );
    expect(new Set(kept)).toEqual(new Set([200]));
  }, 120_000);

  test("ends the connections that nobody uses is asked by new ones, and no client notices", async () => {
    for (let round = 0; round < 3; round++) {
      const others = "pid <> pg_backend_pid() AND datname = current_database()";
      await execute(settings, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${others}`);
      const answers = await Promise.all(Array.from({ length: 20 }, () => ask("GET", `/v2/${name}/tags/list`)));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    }
  }, 60_000);

  test("is not there is named by a command, without the password", async () => {
    await server.stop();
    try {
      const url = `postgres://postgres:hush@127.0.0.1:${settings.port}/${settings.database}`;
      const { exitCode, stdout, stderr } = await cpmRegistry(["user", "list", "--database", url]);
      expect([exitCode, stdout]).toEqual([1, ""]);
      expect(stderr).toContain("[registry-server/database]");
      expect(stderr).not.toContain("hush");
    } finally {
      await server.start();
    }
  }, 60_000);

  test("has accounts of its own: config check counts them, and backup leaves it to PostgreSQL", async () => {
    const url = `postgres://postgres@127.0.0.1:${settings.port}/${settings.database}`;
    const data = { CPM_REGISTRY_DATA: "/tmp" };
    const check = async (database: string) =>
      JSON.parse((await cpmRegistry(["config", "check", "--database", database, "--json"], "", data)).stdout).notes;
    const hint = "there are no users: make one with cpm-registry user add NAME --admin --database URL";
    expect(await check(url)).toEqual([hint]);
    const empty = (await server.createEmptyDatabase()).database;
    expect(await check(url.replace(settings.database, empty))).toEqual([hint]);
    const listed = await cpmRegistry(["namespace", "list", "--json"], "", { CPM_REGISTRY_DATABASE: url });
    expect(JSON.parse(listed.stdout)).toMatchObject({ namespaces: [{ name: "test", private: false }] });
    const backup = await cpmRegistry(["backup", "--to", "/tmp/none", "--database", url]);
    expect(backup.exitCode).not.toBe(0);
    expect(backup.stderr).toContain("pg_dump");
  }, 60_000);
});
