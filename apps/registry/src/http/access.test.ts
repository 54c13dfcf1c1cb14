import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { encodeUtf8 } from "@cpm/base";
import { formatManifest, mediaTypes } from "@cpm/oci";
import { digestOf } from "@cpm/store";
import { openRegistry } from "../registry.ts";
import { codesOf, emptyConfigBytes, imageOf, openRegistryUnderTest, openRegistryWithUsers } from "../testing/index.ts";
import type { Credentials } from "../testing/index.ts";

const by = { actor: "test", requestId: "test" };
const registry = await openRegistryWithUsers();
const { accounts, asUser, byToken } = registry;
const secret = encodeUtf8("what only members may see");
const digest = digestOf(secret);
let admin: Credentials;
let olga: Credentials;
let otto: Credentials;

beforeAll(async () => {
  admin = await registry.addUser("root", true);
  olga = await registry.addUser("olga");
  otto = await registry.addUser("otto");
  await accounts.namespaces.add("hidden", true, "olga", by);
  await accounts.namespaces.add("open", false, "otto", by);
  const pushed = await asUser(olga, "POST", `/v2/hidden/app/blobs/uploads/?digest=${digest}`, { body: secret });
  expect(pushed.status).toBe(201);
});
afterAll(() => registry.dispose());

describe("a blob that is private", () => {
  test("is mounted by nobody who may not pull it, and by those who may", async () => {
    const from = `/v2/open/loot/blobs/uploads/?mount=${digest}&from=hidden/app`;
    for (const send of [asUser, byToken]) {
      expect((await send(otto, "POST", from)).status).toBe(202);
      expect((await send(otto, "POST", `/v2/open/loot/blobs/uploads/?mount=${digest}`)).status).toBe(202);
      expect((await send(otto, "HEAD", `/v2/open/loot/blobs/${digest}`)).status).toBe(404);
    }
    await accounts.namespaces.setMember("open", "olga", "member", by);
    const narrow = await registry.addToken("olga", { scopes: ["publish"], patterns: ["open/*"] });
    for (const send of [asUser, byToken]) expect((await send(narrow, "POST", from)).status).toBe(202);
    for (const send of [asUser, byToken]) expect((await send(olga, "POST", from)).status).toBe(201);
    const { token } = await (await registry.tokenFor(olga, "repository:open/loot:pull,push")).json();
    const short = await registry.call("POST", from, { headers: { authorization: `Bearer ${token}` } });
    expect(short.status).toBe(401);
    expect(short.headers.get("www-authenticate")).toContain(
      'scope="repository:open/loot:pull,push repository:hidden/app:pull",error="insufficient_scope"',
    );
  });

  test("is not in the referrers, lists or index of what is public", async () => {
    const subject = { mediaType: mediaTypes.manifest, digest: digestOf(encodeUtf8("x")), sizeBytes: 1 };
    const referrer = formatManifest(imageOf({ subject, annotations: { about: "hidden" } }));
    const empty = `/v2/hidden/app/blobs/uploads/?digest=${digestOf(emptyConfigBytes)}`;
    expect((await asUser(olga, "POST", empty, { body: emptyConfigBytes })).status).toBe(201);
    const path = `/v2/hidden/app/manifests/${digestOf(referrer)}`;
    expect((await asUser(olga, "PUT", path, { body: referrer })).status).toBe(201);
    const list = async (repository: string, who: Credentials) =>
      (await (await asUser(who, "GET", `/v2/${repository}/referrers/${subject.digest}`)).json()).manifests;
    expect(await list("hidden/app", olga)).toHaveLength(1);
    expect(await list("open/app", otto)).toHaveLength(0);
    const catalog = await (await asUser(otto, "GET", "/v2/_catalog?n=1000")).text();
    expect(catalog).not.toContain("hidden");
  });
});

test.each([
  `/v2/open/..%2fhidden/app/blobs/${digest}`,
  `/v2/open%2f..%2fhidden/app/blobs/${digest}`,
  `/v2/open/./hidden/app/blobs/${digest}`,
  `/v2/open/../hidden/app/blobs/${digest}`,
  `/v2//hidden/app/blobs/${digest}`,
  `/v2/HIDDEN/app/blobs/${digest}`,
  `/v2/hidden%00/app/blobs/${digest}`,
  `/v2/open/blobs/uploads/hidden/app/blobs/${digest}`,
  "/api/v1/packages/open%2f..%2fhidden/app",
  "/api/v1/packages/open/..%2f..%2fhidden%2fapp",
  "/api/v1/namespaces/open%2f..%2fhidden/audit",
])("no way of writing a path leads into a private namespace: %s", async (path) => {
  for (const send of [asUser, byToken]) {
    const response = await send(otto, "GET", path);
    expect([400, 404]).toContain(response.status);
    expect(await response.text()).not.toContain("what only members");
  }
});

describe("an upload", () => {
  test("is continued, asked about and cancelled by whoever began it only", async () => {
    const begun = await asUser(otto, "POST", "/v2/open/app/blobs/uploads/");
    const location = begun.headers.get("location") ?? "";
    expect(location).toStartWith("/v2/");
    for (const method of ["GET", "PATCH", "DELETE"])
      expect((await asUser(olga, method, location, method === "PATCH" ? { body: "x" } : {})).status).toBe(404);
    const put = await asUser(olga, "PUT", `${location}?digest=${digest}`, { body: secret });
    expect(put.status).toBe(404);
    const token = await registry.addToken("otto");
    expect((await asUser(token, "PATCH", location, { body: secret })).status).toBe(202);
    expect((await asUser(otto, "PUT", `${location}?digest=${digest}`)).status).toBe(201);
  });
});

describe("accounts over HTTP", () => {
  const body = (value: unknown) => ({ body: JSON.stringify(value) });

  test("a user makes, lists and revokes tokens, which are shown once and stored hashed", async () => {
    const made = await asUser(
      olga,
      "POST",
      "/api/v1/tokens",
      body({ label: "ci", scopes: ["read"], patterns: ["hidden/*"] }),
    );
    expect(made.status).toBe(201);
    expect(made.headers.get("cache-control")).toBe("no-store");
    const { id, secret: token } = await made.json();
    expect(token).toStartWith("cpm_");
    const listed = await (await asUser(olga, "GET", "/api/v1/tokens")).json();
    expect(listed.tokens).toContainEqual(
      expect.objectContaining({ id, label: "ci", scopes: ["read"], patterns: ["hidden/*"] }),
    );
    expect(JSON.stringify(listed)).not.toContain(token);
    const file = new Database(join(registry.dataDirectory, "registry.db"), { readonly: true });
    const rows = ["tokens", "audit", "secrets", "users"].map((table) =>
      JSON.stringify(file.query(`SELECT * FROM ${table}`).all()),
    );
    await file.close();
    expect(rows.join()).not.toContain(token);
    expect(rows.join()).not.toContain(token.slice(4));
    expect((await asUser(otto, "DELETE", `/api/v1/tokens/${id}`)).status).toBe(404);
    expect((await asUser(olga, "DELETE", `/api/v1/tokens/${id}`)).status).toBe(204);
    expect((await asUser({ username: "x", password: token }, "GET", "/v2/")).status).toBe(401);
  });

  test("a token makes none that can more, lives longer, or is for more packages", async () => {
    const { password } = await registry.addToken("olga", {
      scopes: ["read", "admin"],
      expiresAt: Date.now() + 3_600_000,
    });
    const token = { username: "olga", password };
    const attempt = async (fields: object) => (await asUser(token, "POST", "/api/v1/tokens", body(fields))).status;
    expect(await attempt({ scopes: ["publish"] })).toBe(403);
    expect(await attempt({ scopes: ["read"], expiresInS: 7200 })).toBe(403);
    expect(await attempt({ scopes: ["read"], expiresInS: 60 })).toBe(201);
    const made = await (await asUser(token, "POST", "/api/v1/tokens", body({ scopes: ["read"] }))).json();
    expect(made.expiresAt).toBeDefined();
    const narrow = await registry.addToken("olga", { scopes: ["read", "admin"], patterns: ["hidden/app"] });
    expect((await asUser(narrow, "POST", "/api/v1/tokens", body({ scopes: ["read"] }))).status).toBe(403);
    expect((await asUser(narrow, "PATCH", "/api/v1/namespaces/hidden", body({ private: false }))).status).toBe(403);
    const ofAdmin = await registry.addToken("root", { scopes: ["admin"], patterns: ["open/*"] });
    expect((await asUser(ofAdmin, "GET", "/api/v1/users")).status).toBe(403);
  });

  test("an administrator adds and removes users and namespaces; an owner opens, closes and fills theirs", async () => {
    const post = (who: Credentials, path: string, value: unknown) =>
      asUser(who, "POST", `/api/v1/${path}`, body(value));
    expect((await post(admin, "users", { name: "nina", password: "long enough, this" })).status).toBe(201);
    const nina = { username: "nina", password: "long enough, this" };
    expect((await post(admin, "users", { name: "nina" })).status).toBe(409);
    expect((await post(admin, "users", { name: "short", password: "short" })).status).toBe(400);
    expect((await post(admin, "users", { name: "Not A Name" })).status).toBe(400);
    expect((await post(admin, "namespaces", { name: "team", private: true, owner: "nina" })).status).toBe(201);
    expect((await post(admin, "namespaces", { name: "a/b" })).status).toBe(400);
    expect((await post(admin, "namespaces", { name: "team" })).status).toBe(409);
    const members = "/api/v1/namespaces/team/members/olga";
    expect((await asUser(olga, "GET", "/v2/team/x/tags/list")).status).toBe(404);
    expect((await asUser(nina, "PUT", members, body({ role: "member" }))).status).toBe(204);
    expect((await (await asUser(nina, "GET", "/api/v1/namespaces/team")).json()).members).toEqual([
      { user: "nina", role: "owner" },
      { user: "olga", role: "member" },
    ]);
    expect((await codesOf(await asUser(olga, "GET", "/v2/team/x/tags/list"))).own).toBe("registry-server/name-unknown");
    expect((await asUser(nina, "PUT", members, body({ role: "queen" }))).status).toBe(400);
    expect((await asUser(nina, "DELETE", members)).status).toBe(204);
    expect((await asUser(nina, "PATCH", "/api/v1/namespaces/team", body({ private: false }))).status).toBe(204);
    expect((await asUser(nina, "DELETE", "/api/v1/namespaces/team")).status).toBe(405);
    expect((await asUser(admin, "DELETE", "/api/v1/users/nina")).status).toBe(204);
    expect((await asUser(admin, "DELETE", "/api/v1/users/root")).status).toBe(409);
    expect((await asUser(nina, "GET", "/v2/")).status).toBe(401);
  });

  test.each(["{", "[]", "x".repeat(70_000), '{"name":5}', "\u0000"])("a body that is none is refused", async (text) => {
    const { status } = await asUser(admin, "POST", "/api/v1/namespaces", { body: text });
    expect([400, 413]).toContain(status);
  });
});

describe("the audit log", () => {
  test("has every change, who made it and by which request, for owners to read", async () => {
    const post = (path: string, value: unknown) => asUser(admin, "POST", path, { body: JSON.stringify(value) });
    await post("/api/v1/namespaces", { name: "watched", private: true, owner: "olga" });
    const empty = `/v2/watched/app/blobs/uploads/?digest=${digestOf(emptyConfigBytes)}`;
    await asUser(olga, "POST", empty, { body: emptyConfigBytes });
    const manifest = formatManifest(imageOf());
    for (const tag of ["one", "two", "one"])
      expect((await asUser(olga, "PUT", `/v2/watched/app/manifests/${tag}`, { body: manifest })).status).toBe(201);
    await asUser(olga, "DELETE", "/v2/watched/app/manifests/two");
    await asUser(olga, "DELETE", `/v2/watched/app/manifests/${digestOf(manifest)}`);
    await asUser(olga, "DELETE", `/v2/watched/app/blobs/${digestOf(emptyConfigBytes)}`);
    await asUser(olga, "PATCH", "/api/v1/namespaces/watched", { body: '{"private":false}' });

    const read = async (query: string) =>
      (await (await asUser(olga, "GET", `/api/v1/namespaces/watched/audit?${query}`)).json()).entries;
    const entries = await read("");
    expect(entries.map((entry: { action: string; actor: string }) => `${entry.actor} ${entry.action}`)).toEqual([
      "olga namespace.show",
      "olga blob.delete",
      "olga manifest.delete",
      "olga tag.delete",
      "olga manifest.push",
      "olga manifest.push",
      "root member.set",
      "root namespace.add",
    ]);
    expect(entries[4]).toMatchObject({ subject: "watched/app", detail: { digest: digestOf(manifest), tags: ["two"] } });
    const logged = registry.log.find(({ requestId }) => requestId === entries[4].requestId);
    expect(logged).toMatchObject({ method: "PUT", path: "/v2/watched/app/manifests/two" });
    expect((await read("limit=2")).map((entry: { id: number }) => entry.id)).toEqual([entries[0].id, entries[1].id]);
    expect(await read(`before=${entries[6].id}`)).toHaveLength(1);
    const all = await (await asUser(admin, "GET", "/api/v1/audit?limit=1000")).json();
    const actions = new Set(all.entries.map((entry: { action: string }) => entry.action));
    for (const action of ["user.add", "user.remove", "token.create", "token.revoke", "member.remove"])
      expect(actions).toContain(action);
  });

  test("is changed by nobody", () => {
    const database = new Database(join(registry.dataDirectory, "registry.db"));
    for (const sql of ["DELETE FROM audit", "UPDATE audit SET actor = 'somebody else'"])
      expect(() => database.run(sql)).toThrow("the audit log is append-only");
    database.close();
  });
});

describe("a registry without users", () => {
  test("refuses to publish and names the command that makes the first administrator", async () => {
    const empty = await openRegistryUnderTest({ access: "users" });
    try {
      const base = await empty.call("GET", "/v2/");
      expect(base.status).toBe(401);
      const { token } = await (await empty.call("GET", "/token")).json();
      const headers = { authorization: `Bearer ${token}` };
      const push = await empty.call("POST", "/v2/any/thing/blobs/uploads/", { headers });
      expect(push.status).toBe(403);
      const [error] = (await push.json()).errors;
      expect(error.detail.hint).toContain("cpm-registry user add NAME --admin --data DIR");
      expect((await empty.call("GET", "/api/v1/search?q=", {})).status).toBe(200);
    } finally {
      await empty.dispose();
    }
  });

  test("takes everything when it is open, until it has its first user", async () => {
    const open = await openRegistryWithUsers({ access: "open" });
    try {
      const path = `/v2/any/thing/blobs/uploads/?digest=${digest}`;
      expect((await open.call("POST", path, { body: secret })).status).toBe(201);
      expect((await open.call("GET", "/api/v1/whoami")).status).toBe(200);
      expect((await open.call("GET", "/api/v1/users")).status).toBe(403);
      await open.addUser("root", true);
      expect((await open.call("POST", path, { body: secret })).status).toBe(401);
      // What was pushed before stays public, in a namespace that an administrator can give to somebody.
      expect((await open.call("GET", `/v2/any/thing/blobs/${digest}`)).status).toBe(200);
      expect(await open.accounts.namespaces.list("all")).toEqual([{ name: "any", private: false, members: [] }]);
      await open.close();
      const again = () => openRegistry({ dataDirectory: open.dataDirectory, access: "open" });
      expect(again).toThrow(expect.objectContaining({ code: "registry-server/not-open" }));
    } finally {
      await open.dispose();
    }
  });
});
