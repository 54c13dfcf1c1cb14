import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Digest } from "@cpm/base";
import { formatManifest, mediaTypes } from "@cpm/oci";
import { digestOf } from "@cpm/store";
import { emptyConfigBytes, imageOf, openRegistryWithUsers, packageArtifact } from "../testing/index.ts";
import type { CallOptions, Credentials } from "../testing/index.ts";
import { yankManifest } from "../yank-manifest.ts";

/** What is answered in a public and in a private namespace; one entry where it does not matter. */
type Cell = readonly [inPublic: unknown, inPrivate: unknown];

const actions = {
  pull: (ns: string) => ask("GET", `/v2/${ns}/app/manifests/1.0.0`),
  "list tags": (ns: string) => ask("GET", `/v2/${ns}/app/tags/list`),
  referrers: (ns: string) => ask("GET", `/v2/${ns}/app/referrers/${digestOf(emptyConfigBytes)}`),
  "pull what is not there": (ns: string) => ask("GET", `/v2/${ns}/other/manifests/1.0.0`),
  "push a new tag": (ns: string) => push(ns, `new-${++count}`),
  "push over a version": (ns: string) => push(ns, "1.0.0"),
  "begin an upload": (ns: string) => ask("POST", `/v2/${ns}/app/blobs/uploads/`),
  "delete a tag": async (ns: string) => {
    const tag = `old-${++count}`;
    expect((await registry.asUser(people.admin, ...(await push(ns, tag)))).status).toBe(201);
    return ask("DELETE", `/v2/${ns}/app/manifests/${tag}`);
  },
  "delete a version": (ns: string) => ask("DELETE", `/v2/${ns}/app/manifests/1.0.0`),
  yank: (ns: string) => ask("PUT", `/api/v1/packages/${ns}/app/versions/1.0.0/yank`, { reason: "Loses data." }),
  "take back a yank": (ns: string) => ask("DELETE", `/api/v1/packages/${ns}/app/versions/1.0.0/yank`),
  deprecate: (ns: string) => ask("PUT", `/api/v1/packages/${ns}/app/deprecation`, { message: "Use another." }),
  "push a yank mark": (ns: string) => pushMark(ns),
  info: (ns: string) => ask("GET", `/api/v1/packages/${ns}/app`),
  "add a member": (ns: string) => ask("PUT", `/api/v1/namespaces/${ns}/members/outsider-2`, { role: "member" }),
  "read the audit log": (ns: string) => ask("GET", `/api/v1/namespaces/${ns}/audit`),
  "list webhooks": (ns: string) => ask("GET", `/api/v1/namespaces/${ns}/webhooks`),
  "make a token": () => ask("POST", "/api/v1/tokens", { scopes: ["admin"], expiresInS: 60 }),
  "list users": () => ask("GET", "/api/v1/users"),
  "make a namespace": () => ask("POST", "/api/v1/namespaces", { name: `fresh-${++count}` }),
} satisfies Record<string, (ns: string) => Asked | Promise<Asked>>;

interface ListBody {
  readonly results?: readonly { readonly name: string }[];
  readonly namespaces?: readonly { readonly name: string }[];
  readonly repositories?: readonly string[];
  readonly changes?: readonly { readonly name: string }[];
}

/** Lists in which what is private is or is not. */
const lists = {
  search: ["/api/v1/search?q=app", ({ results = [] }) => results.map(({ name }) => name)],
  catalog: ["/v2/_catalog", ({ repositories = [] }) => repositories],
  changes: ["/api/v1/changes?limit=1000", ({ changes = [] }) => changes.map(({ name }) => name)],
  namespaces: ["/api/v1/namespaces", ({ namespaces = [] }) => namespaces.map(({ name }) => `${name}/app`)],
} satisfies Record<string, readonly [path: string, namesOf: (body: ListBody) => readonly string[]]>;

const reading = (inPublic: unknown, inPrivate: unknown) => ({
  pull: [inPublic, inPrivate] as Cell,
  "list tags": [inPublic, inPrivate] as Cell,
  referrers: [inPublic, inPrivate] as Cell,
});
const writing = (inPublic: unknown, inPrivate: unknown) => ({
  "push a new tag": [inPublic, inPrivate] as Cell,
  "push over a version": [inPublic, inPrivate] as Cell,
  "begin an upload": [inPublic, inPrivate] as Cell,
});
const mayWrite = {
  "push a new tag": [201, 201] as Cell,
  "push over a version": [409, 409] as Cell,
  "begin an upload": [202, 202] as Cell,
};
const deleting = (inPublic: unknown, inPrivate: unknown) => ({
  "delete a tag": [inPublic, inPrivate] as Cell,
  "delete a version": [inPublic, inPrivate] as Cell,
});
const yanking = (inPublic: number, inPrivate: number, mark = [inPublic, inPrivate] as Cell) => ({
  yank: [inPublic, inPrivate] as Cell,
  "take back a yank": [inPublic, inPrivate] as Cell,
  deprecate: [inPublic, inPrivate] as Cell,
  "push a yank mark": mark,
});
const mayYank = yanking(200, 200, [201, 201]);
const mayYankOnly = yanking(200, 200, [403, 403]);
const mayDelete = { "delete a tag": [202, 202] as Cell, "delete a version": [405, 405] as Cell };
const managing = (inPublic: number, inPrivate: number) => ({
  "add a member": [inPublic, inPrivate] as Cell,
  "read the audit log": [inPublic, inPrivate] as Cell,
  "list webhooks": [inPublic, inPrivate] as Cell,
});
const mayManage = {
  "add a member": [204, 204] as Cell,
  "read the audit log": [200, 200] as Cell,
  "list webhooks": [200, 200] as Cell,
};
const account = (token: number, users: number, namespace: number) => ({
  "make a token": [token, token] as Cell,
  "list users": [users, users] as Cell,
  "make a namespace": [namespace, namespace] as Cell,
});
const shows = (isPrivate: boolean) => ({
  search: isPrivate,
  catalog: isPrivate,
  changes: isPrivate,
  namespaces: isPrivate,
});
/** What is not there, in the same namespace: in a hidden one no other answer than for what is there. */
const absent = (inPublic: number, inPrivate: number) => ({ "pull what is not there": [inPublic, inPrivate] as Cell });

const hidden = { ...reading(200, 404), ...absent(404, 404), info: [200, 404] as Cell, shows: shows(false) };
const readable = { ...reading(200, 200), ...absent(404, 404), info: [200, 200] as Cell, shows: shows(true) };
const noWriting = { ...writing(403, 404), ...deleting(403, 404), ...yanking(403, 404) };
const noAccount = { ...managing(403, 403), ...account(403, 403, 403) };
const nothing = {
  ...reading(401, 401),
  ...absent(401, 401),
  ...writing(401, 401),
  ...deleting(401, 401),
  ...yanking(401, 401),
  info: [401, 401] as Cell,
  ...managing(401, 401),
  ...account(401, 401, 401),
  shows: undefined,
};

/** Every principal, and what it is answered to every action. */
const table: Record<string, Record<keyof typeof actions, Cell> & { shows: ReturnType<typeof shows> | undefined }> = {
  anonymous: {
    ...nothing,
    ...reading(200, 401),
    ...absent(404, 401),
    // With an anonymous token; without one it is 401, since whoever asks may be somebody.
    info: [200, 404],
    shows: shows(false),
  },
  outsider: { ...hidden, ...noWriting, ...managing(403, 404), ...account(201, 403, 403) },
  member: {
    ...readable,
    ...mayWrite,
    ...mayYank,
    ...deleting(403, 403),
    ...managing(403, 403),
    ...account(201, 403, 403),
  },
  owner: { ...readable, ...mayWrite, ...mayYank, ...mayDelete, ...mayManage, ...account(201, 403, 403) },
  admin: { ...readable, ...mayWrite, ...mayYank, ...mayDelete, ...mayManage, ...account(201, 200, 201) },
  "owner's token to read": {
    ...readable,
    ...writing(403, 403),
    ...yanking(403, 403),
    ...deleting(403, 403),
    ...noAccount,
  },
  "owner's token to publish": { ...readable, ...mayWrite, ...yanking(403, 403), ...deleting(403, 403), ...noAccount },
  "owner's token to yank": { ...readable, ...writing(403, 403), ...mayYankOnly, ...mayDelete, ...noAccount },
  "owner's token to administer": { ...hidden, ...noWriting, ...mayManage, ...account(201, 403, 403) },
  "owner's token for */app": { ...readable, ...mayWrite, ...mayYank, ...mayDelete, ...noAccount, ...absent(404, 404) },
  // It may read priv/else, so it knows of the namespace.
  "owner's token for */else": {
    ...hidden,
    ...noWriting,
    ...noAccount,
    shows: { ...shows(false), namespaces: true },
  },
  "owner's token that ends later": {
    ...readable,
    ...mayWrite,
    ...yanking(403, 403),
    ...deleting(403, 403),
    ...noAccount,
  },
  "member's token to do everything": {
    ...readable,
    ...mayWrite,
    ...mayYank,
    ...deleting(403, 403),
    ...managing(403, 403),
    ...account(201, 403, 403),
  },
  "admin's token to do everything": {
    ...readable,
    ...mayWrite,
    ...mayYank,
    ...mayDelete,
    ...mayManage,
    ...account(201, 200, 201),
  },
  "an expired token": nothing,
  "a revoked token": nothing,
  "a token that was never made": nothing,
  "a wrong password": nothing,
};

interface Body {
  readonly [key: string]: unknown;
}
type Asked = readonly [method: string, path: string, options?: CallOptions];

let now = Date.parse("2026-06-01T12:00:00Z");
const registry = await openRegistryWithUsers({
  limits: { failedSignInsPerMinute: 100_000, tokensPerMinute: 100_000 },
  now: () => now,
});
afterAll(() => registry.dispose());
let count = 0;
let people: Record<"admin" | "owner" | "member" | "outsider", Credentials>;
const credentials = new Map<string, Credentials | undefined>();

beforeAll(async () => {
  const [admin, owner, member, outsider] = await Promise.all([
    registry.addUser("admin", true),
    registry.addUser("owner"),
    registry.addUser("member"),
    registry.addUser("outsider"),
  ]);
  await registry.addUser("outsider-2");
  people = { admin, owner, member, outsider };
  const { namespaces, tokens } = registry.accounts;
  const by = { actor: "test", requestId: "test" };
  for (const [name, isPrivate] of [
    ["pub", false],
    ["priv", true],
  ] as const) {
    await namespaces.add(name, isPrivate, "owner", by);
    await namespaces.setMember(name, "member", "member", by);
    await publish(name);
  }
  const all = ["read", "publish", "yank", "admin"];
  const expired = await registry.addToken("owner", { scopes: all, expiresAt: now + 1000 });
  const revoked = await registry.addToken("owner", { scopes: all, label: "revoked" });
  const id = (await tokens.list("owner")).find(({ label }) => label === "revoked")?.id ?? "";
  await tokens.revoke(id, by);
  now += 1000;
  const entries: Record<keyof typeof table, Credentials | undefined> = {
    anonymous: undefined,
    ...people,
    "owner's token to read": await registry.addToken("owner", { scopes: ["read"] }),
    "owner's token to publish": await registry.addToken("owner", { scopes: ["publish"] }),
    "owner's token to yank": await registry.addToken("owner", { scopes: ["yank"] }),
    "owner's token to administer": await registry.addToken("owner", { scopes: ["admin"] }),
    "owner's token for */app": await registry.addToken("owner", {
      scopes: ["publish", "yank"],
      patterns: ["*/app"],
    }),
    "owner's token for */else": await registry.addToken("owner", {
      scopes: ["read", "publish", "yank"],
      patterns: ["*/else"],
    }),
    "owner's token that ends later": await registry.addToken("owner", {
      scopes: ["publish"],
      expiresAt: now + 3_600_000,
    }),
    "member's token to do everything": await registry.addToken("member", { scopes: all }),
    "admin's token to do everything": await registry.addToken("admin", { scopes: all }),
    "an expired token": expired,
    "a revoked token": revoked,
    "a token that was never made": { username: "owner", password: "cpm_000000000000000000000000000000000000" },
    "a wrong password": { username: "owner", password: "not the password" },
  };
  for (const [who, shown] of Object.entries(entries)) credentials.set(who, shown);
});

const cells = Object.entries(table).flatMap(([who, row]) =>
  (Object.keys(actions) as (keyof typeof actions)[]).flatMap((action) =>
    (["pub", "priv"] as const).map((namespace, index) => [who, action, namespace, row[action][index]] as const),
  ),
);

describe("who may do what", () => {
  test.each(cells)("%s: %s in namespace %s is answered %p", async (who, action, namespace, expected) => {
    for (const send of ways(who)) {
      const [method, path, options] = await actions[action](namespace);
      const response = await send(method, path, options);
      expect(response.status).toBe(expected as number);
      if (response.status === 401) expect(response.headers.get("www-authenticate")).toMatch(/^Bearer realm="[^"]+"/);
    }
  });

  test.each(Object.entries(table).filter(([, row]) => row.shows !== undefined))(
    "%s finds what may be seen in every list, and no more",
    async (who, row) => {
      for (const [list, [path, namesOf]] of Object.entries(lists)) {
        for (const send of ways(who)) {
          const response = await send("GET", path);
          const names = namesOf(await response.json());
          expect([list, names.includes("pub/app")]).toEqual([list, true]);
          expect([list, names.includes("priv/app")]).toEqual([list, row.shows?.[list as keyof typeof lists] ?? false]);
        }
      }
    },
  );

  test("the total of a search does not count what is hidden", async () => {
    const counts = await Promise.all(
      [people.outsider, people.member].map(async (who) => {
        const found = await (await registry.asUser(who, "GET", "/api/v1/search?q=app&limit=0")).json();
        return found.total;
      }),
    );
    expect(counts).toEqual([1, 2]);
  });

  test("what is hidden is answered word for word as what is not there", async () => {
    const texts = await Promise.all(
      ["priv", "absent"].map(async (ns) => {
        const paths = [`/v2/${ns}/app/manifests/1.0.0`, `/v2/${ns}/app/tags/list`, `/api/v1/packages/${ns}/app`];
        const answers = await Promise.all(paths.map((path) => registry.asUser(people.outsider, "GET", path)));
        const member = await registry.asUser(people.outsider, "GET", `/api/v1/namespaces/${ns}`);
        const bodies = await Promise.all([...answers, member].map(async (one) => `${one.status} ${await one.text()}`));
        return bodies.join("\n").replaceAll(new RegExp(`\\b${ns}\\b`, "g"), "NAMESPACE");
      }),
    );
    expect(texts[0]).toBe(texts[1] ?? "");
  });
});

/** With the credentials themselves, and with an access token that they are exchanged for. */
function ways(who: string): ((...asked: Asked) => Promise<Response>)[] {
  const shown = credentials.get(who);
  const anonymously = (...asked: Asked) => registry.byToken(undefined, ...asked);
  if (shown === undefined) return [anonymously];
  return [(...asked) => registry.asUser(shown, ...asked), (...asked) => registry.byToken(shown, ...asked)];
}

function ask(method: string, path: string, body?: Body): Asked {
  return body === undefined ? [method, path] : [method, path, { body: JSON.stringify(body) }];
}

async function push(ns: string, tag: string): Promise<Asked> {
  const body = new TextDecoder().decode(formatManifest(imageOf({ annotations: { count: String(++count) } })));
  return ["PUT", `/v2/${ns}/app/manifests/${tag}`, { headers: { "content-type": mediaTypes.manifest }, body }];
}

async function pushMark(ns: string): Promise<Asked> {
  const found = await registry.asUser(people.admin, "HEAD", `/v2/${ns}/app/manifests/1.0.0`);
  const subject = {
    mediaType: mediaTypes.manifest,
    digest: found.headers.get("docker-content-digest") as Digest,
    sizeBytes: Number(found.headers.get("content-length")),
  };
  const mark = { yanked: ++count % 2 === 0, reason: `Number ${count}.`, by: "somebody", atMs: now + count };
  const bytes = formatManifest(yankManifest(subject, mark));
  const body = new TextDecoder().decode(bytes);
  return [
    "PUT",
    `/v2/${ns}/app/manifests/${digestOf(bytes)}`,
    { headers: { "content-type": mediaTypes.manifest }, body },
  ];
}

async function publish(ns: string): Promise<void> {
  const { manifest, blobs } = await packageArtifact({ name: `${ns}/app`, version: "1.0.0" });
  for (const bytes of [...blobs.values(), emptyConfigBytes]) {
    const path = `/v2/${ns}/app/blobs/uploads/?digest=${digestOf(bytes)}`;
    expect((await registry.asUser(people.admin, "POST", path, { body: bytes })).status).toBe(201);
  }
  const body = new TextDecoder().decode(formatManifest(manifest));
  const headers = { "content-type": mediaTypes.manifest };
  const path = `/v2/${ns}/app/manifests/1.0.0`;
  expect((await registry.asUser(people.admin, "PUT", path, { headers, body })).status).toBe(201);
}
