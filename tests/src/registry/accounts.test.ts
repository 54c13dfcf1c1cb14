import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { collectBytes } from "@cpm/base";
import { serveRegistry } from "@cpm/registry";
import { basicHeader } from "@cpm/registry/testing";
import { digestOf } from "@cpm/store";
import { put } from "@cpm/store/testing";
import { cpmRegistry } from "./command.ts";
import { startRegistryProcess } from "./registry-process.ts";
import { blobOf, clientOf, codeOf, someBytes } from "./testing.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-accounts-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const password = "correct horse battery";

describe("cpm-registry's commands", () => {
  test("make the first administrator before there is a server, and change accounts beside one that runs", async () => {
    const data = join(scratch, "beside");
    const run = (...args: string[]) => cpmRegistry([...args, "--data", data, "--json"], `${password}\n`);
    const json = async (...args: string[]) => {
      const { exitCode, stdout, stderr } = await run(...args);
      expect([exitCode, stderr.replace(/^The token is shown.*\n/, "")]).toEqual([0, ""]);
      return JSON.parse(stdout);
    };
    expect(await json("user", "add", "root", "--admin", "--password-stdin")).toMatchObject({
      name: "root",
      admin: true,
    });
    expect(statSync(join(data, "registry.db")).mode & 0o077).toBe(0);
    const server = await startRegistryProcess(data, { open: false });
    try {
      const as = (who: { username: string; password: string }, path: string, init: RequestInit = {}) =>
        fetch(`http://${server.host}${path}`, { ...init, headers: basicHeader(who) });
      const root = { username: "root", password };
      expect((await as(root, "/v2/")).status).toBe(200);
      await json("user", "add", "nina", "--password-stdin");
      await json("namespace", "add", "team", "--private", "--owner", "nina");
      const made = await json(
        "token",
        "create",
        "nina",
        "--scope",
        "publish",
        "--package",
        "team/*",
        "--expires",
        "90d",
      );
      const nina = clientOf(server.host, {
        credentials: { get: async () => ({ kind: "password", username: "nina", password: made.secret }) },
      });
      const bytes = someBytes(10_000);
      await put(nina.repository("team/app"), bytes);
      const stranger = clientOf(server.host).repository("team/app");
      expect(await codeOf(stranger.tags())).toBe("registry/unauthorized");

      // Commands and requests at once: each waits for the other's transaction.
      const names = Array.from({ length: 6 }, (_, index) => `team-${index}`);
      const pushes = Array.from({ length: 20 }, (_, index) =>
        put(nina.repository("team/app"), someBytes(2000, index + 7)),
      );
      const added = await Promise.all(names.map((name) => run("namespace", "add", name)));
      await Promise.all(pushes);
      expect(added.map(({ exitCode }) => exitCode)).toEqual(names.map(() => 0));
      const { namespaces } = await json("namespace", "list");
      expect(namespaces.map(({ name }: { name: string }) => name)).toEqual(["team", ...names]);

      await json("namespace", "set", "team", "--public");
      expect(await stranger.stat(digestOf(bytes))).toEqual({ sizeBytes: bytes.length });
      await json("namespace", "member", "team", "root", "member");
      await json("namespace", "member", "team", "root", "none");
      const [listed] = (await json("token", "list", "nina")).tokens;
      expect(listed).toMatchObject({ id: made.id, scopes: ["publish"], patterns: ["team/*"] });
      expect(listed.lastUsedAt).toBeGreaterThan(0);
      await json("token", "revoke", made.id);
      expect((await as({ username: "x", password: made.secret }, "/v2/")).status).toBe(401);
      await json("user", "passwd", "nina", "--password-stdin");
      await json("user", "remove", "nina");
      const { users } = await json("user", "list");
      expect(users.map(({ name }: { name: string }) => name)).toEqual(["root"]);
      const audit = await (await as(root, "/api/v1/audit?limit=1000")).json();
      const local = audit.entries.filter(({ actor }: { actor: string }) => actor.startsWith("local:"));
      expect(local.length).toBeGreaterThan(14);
    } finally {
      await server.end("SIGTERM");
    }
  }, 120_000);

  test.each([
    [["user", "add"], 2],
    [["user", "add", "NoName", "--no-password"], 2],
    [["user", "add", "x", "--no-such-flag"], 2],
    [["user", "add", "x", "--password", "on the command line"], 2],
    [["user", "frobnicate"], 2],
    [["frobnicate"], 2],
    [["user", "list", "--data", "/nowhere/at/all"], 2],
    [["user", "list"], 2],
    [["serve"], 2],
    [["serve", "--data", "x", "--listen", "nowhere"], 2],
  ])("%j is wrong usage", async (args, status) => {
    const { exitCode, stderr } = await cpmRegistry(args);
    expect([exitCode, stderr]).toEqual([status, expect.stringMatching(/^error: /)]);
  });

  test("fail with the status of their kind, as JSON where that is asked for", async () => {
    const data = join(scratch, "statuses");
    const run = (...args: string[]) => cpmRegistry([...args, "--data", data], "short\n");
    expect((await run("user", "add", "root", "--admin", "--password-stdin")).exitCode).toBe(2);
    expect((await run("user", "add", "root", "--admin", "--no-password")).exitCode).toBe(0);
    expect((await run("user", "add", "root", "--no-password")).exitCode).toBe(6);
    expect((await run("user", "remove", "nobody")).exitCode).toBe(5);
    const last = await run("user", "remove", "root", "--json");
    expect(last.exitCode).toBe(6);
    expect(JSON.parse(last.stderr).error.code).toBe("registry-server/last-admin");
    const { stdout } = await cpmRegistry(["--help"]);
    expect(stdout).toContain("cpm-registry user add NAME [--admin]");
  });
});

describe("cpm-registry backup", () => {
  test("of a registry that is being written to can be served, and is brought up to date by the next", async () => {
    const [data, copy] = [join(scratch, "live"), join(scratch, "copy")];
    const server = await startRegistryProcess(data);
    const repository = clientOf(server.host).repository("team/app");
    const first = someBytes(300_000);
    await put(repository, first);
    const enough = new AbortController();
    const writing = (async () => {
      for (let seed = 1; !enough.signal.aborted && seed < 1000; seed++) await put(repository, someBytes(5000, seed));
    })();
    const made = JSON.parse((await cpmRegistry(["backup", "--data", data, "--to", copy, "--json"])).stdout);
    enough.abort();
    await writing;
    expect(made.copiedBlobs).toBeGreaterThan(0);
    expect(statSync(copy).mode & 0o077).toBe(0);
    const last = someBytes(777, 3000);
    await put(repository, last);
    const restored = await startRegistryProcess(copy);
    const from = clientOf(restored.host).repository("team/app");
    const got = await collectBytes(from.read(blobOf(first)), first.length);
    expect(digestOf(got)).toBe(digestOf(first));
    expect(await from.stat(digestOf(last))).toBeUndefined();
    await restored.end("SIGTERM");

    expect((await cpmRegistry(["backup", "--data", data, "--to", copy])).exitCode).toBe(0);
    const again = JSON.parse((await cpmRegistry(["backup", "--data", data, "--to", copy, "--json"])).stdout);
    expect(again.copiedBlobs).toBe(0);
    await server.end("SIGTERM");
    const third = await startRegistryProcess(copy);
    expect(await clientOf(third.host).repository("team/app").stat(digestOf(last))).toEqual({ sizeBytes: 777 });
    await third.end("SIGTERM");
    for (const args of [
      ["--to", copy],
      ["--data", data],
      ["--data", join(scratch, "none"), "--to", copy],
    ])
      expect((await cpmRegistry(["backup", ...args])).exitCode).toBe(2);
  }, 60_000);
});

describe("an open registry", () => {
  test("listens on loopback addresses, and elsewhere only when told twice", async () => {
    const options = { dataDirectory: join(scratch, "open"), access: "open", port: 0 } as const;
    for (const hostname of ["0.0.0.0", "::", "example.org"])
      await expect(serveRegistry({ ...options, hostname })).rejects.toMatchObject({
        code: "registry-server/not-open",
      });
    for (const [hostname, openAnywhere] of [
      ["127.0.0.1", false],
      ["localhost", false],
      ["0.0.0.0", true],
    ] as const)
      await (await serveRegistry({ ...options, hostname, openAnywhere })).stop();
  });
});
