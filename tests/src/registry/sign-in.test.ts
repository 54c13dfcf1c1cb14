import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeUtf8 } from "@cpm/base";
import { Identity } from "@cpm/colonies";
import { formatManifest } from "@cpm/oci";
import { serveRegistry } from "@cpm/registry";
import { packageArtifact } from "@cpm/registry/testing";
import type { Credential, RegistryClient } from "@cpm/registry-client";
import { digestOf } from "@cpm/store";
import { put } from "@cpm/store/testing";
import { startCiIssuer } from "./ci-issuer.ts";
import { cpmRegistry } from "./command.ts";
import { clientOf, codeOf } from "./testing.ts";

const data = mkdtempSync(join(tmpdir(), "cpm-sign-in-"));
const registry = await serveRegistry({ dataDirectory: data, hostname: "127.0.0.1", port: 0 });
const key = Identity.generate();
const password = "correct horse battery";

beforeAll(async () => {
  for (const args of [
    ["user", "add", "root", "--admin", "--password-stdin"],
    ["user", "add", "nina", "--no-password", "--identity", key.id],
    ["namespace", "add", "team", "--private", "--owner", "nina"],
  ])
    expect((await cpmRegistry([...args, "--data", data], `${password}\n`)).exitCode).toBe(0);
});
afterAll(async () => {
  await registry.stop();
  rmSync(data, { recursive: true, force: true });
});

const clientWith = (credential: Credential): RegistryClient =>
  clientOf(registry.host, { credentials: { get: async () => credential } });

describe("the client", () => {
  test("signs in by the key that a ColonyOS user has, publishes and finds what is private by the token", async () => {
    const signedIn = await clientOf(registry.host).signIn(key, { label: "laptop", lifetimeS: 3600 });
    expect(signedIn.user).toBe("nina");
    const client = clientWith({ kind: "password", username: signedIn.user, password: signedIn.token });
    await client.ping();
    const repository = client.repository("team/app");
    const { manifest, blobs } = await packageArtifact({ name: "team/app", version: "1.0.0" });
    for (const bytes of blobs.values()) await put(repository, bytes);
    const bytes = formatManifest(manifest);
    const descriptor = { mediaType: manifest.mediaType, digest: digestOf(bytes), sizeBytes: bytes.length };
    await repository.putManifest(descriptor, bytes, ["1.0.0"]);

    const found = clientWith({ kind: "password", username: signedIn.user, password: signedIn.token });
    // A client that has asked nothing yet shows who it is, though anybody may search.
    expect((await found.searchPackages("app")).results.map(({ name }) => name)).toEqual(["team/app"]);
    expect((await found.packageInfo("team/app")).versions).toHaveLength(1);
    expect((await clientOf(registry.host).searchPackages("app")).total).toBe(0);
    expect(await codeOf(clientOf(registry.host).packageInfo("team/app"))).toBe("registry/unauthorized");
  });

  test("is told when the key is nobody's, and binds one to a user who has signed in otherwise", async () => {
    const own = Identity.generate();
    expect(await codeOf(clientOf(registry.host).signIn(own))).toBe("registry/unauthorized");
    expect(await codeOf(clientOf(registry.host).bindIdentity(own))).toBe("registry/unauthorized");
    const root = clientWith({ kind: "password", username: "root", password });
    await root.bindIdentity(own);
    const signedIn = await clientOf(registry.host).signIn(own, { scopes: ["admin"] });
    expect(signedIn.user).toBe("root");
    const byToken = clientWith({ kind: "access-token", token: signedIn.token });
    await byToken.bindIdentity(Identity.generate());
    expect(await codeOf(byToken.bindIdentity(key))).toBe("registry/conflict");
  });

  test("publishes from a job of a CI system that an administrator named", async () => {
    const ci = startCiIssuer();
    try {
      const add = [
        "publisher",
        "add",
        "nina",
        "--issuer",
        ci.issuer,
        "--claim",
        "sub=repo:team/app",
        "--package",
        "team/*",
      ];
      const added = await cpmRegistry([...add, "--data", data, "--json"]);
      expect([added.exitCode, added.stderr]).toEqual([0, ""]);
      const client = clientOf(registry.host);
      const signedIn = await client.exchangeIdToken(ci.idToken({ sub: "repo:team/app" }), "team/tool");
      const job = clientWith({ kind: "password", username: signedIn.user, password: signedIn.token });
      expect(await put(job.repository("team/tool"), encodeUtf8("made by a job"))).toStartWith("sha256:");
      expect(await codeOf(put(job.repository("team/other"), encodeUtf8("x")))).toBe("registry/not-found");
      expect(await codeOf(client.exchangeIdToken("a.b.c", "team/tool"))).toBe("registry/unauthorized");
      const { id } = JSON.parse(added.stdout);
      const { stdout } = await cpmRegistry(["publisher", "list", "--data", data]);
      expect(stdout).toBe(`${id}  nina  team/*  ${ci.issuer}  sub=repo:team/app\n`);
      expect((await cpmRegistry(["publisher", "remove", id, "--data", data])).exitCode).toBe(0);
      expect((await cpmRegistry(["publisher", "remove", id, "--data", data])).exitCode).toBe(5);
      expect((await cpmRegistry([...add.slice(0, 5), "--claim", "x", "--data", data])).exitCode).toBe(2);
    } finally {
      await ci.stop();
    }
  });

  test("passes on what the registry advises", async () => {
    const empty = await serveRegistry({ dataDirectory: join(data, "empty"), hostname: "127.0.0.1", port: 0 });
    try {
      const push = put(clientOf(empty.host).repository("team/app"), encodeUtf8("x"));
      await expect(push).rejects.toMatchObject({
        code: "registry/denied",
        hint: expect.stringContaining("cpm-registry user add NAME --admin --data DIR"),
      });
    } finally {
      await empty.stop();
    }
  });
});
