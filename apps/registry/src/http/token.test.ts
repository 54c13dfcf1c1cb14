import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { openRegistryWithUsers } from "../testing/index.ts";
import type { Credentials } from "../testing/index.ts";

let now = Date.parse("2026-06-01T12:00:00Z");
const registry = await openRegistryWithUsers({ now: () => now });
const { call, tokenFor } = registry;
const by = { actor: "test", requestId: "test" };
let admin: Credentials;
let olga: Credentials;
let otto: Credentials;

beforeAll(async () => {
  admin = await registry.addUser("root", true);
  olga = await registry.addUser("olga");
  otto = await registry.addUser("otto");
  await registry.accounts.namespaces.add("open", false, "olga", by);
  await registry.accounts.namespaces.add("hidden", true, "olga", by);
});
afterAll(() => registry.dispose());

const scopeOf = async (response: Response): Promise<string> => (await response.json()).scope;
const bearer = async (response: Response) => ({ authorization: `Bearer ${(await response.json()).token}` });

describe("the challenge", () => {
  test("is one, Bearer, with realm, service and scope, and no scope where there is no repository", async () => {
    const base = await call("GET", "/v2/");
    expect(base.status).toBe(401);
    expect(base.headers.get("www-authenticate")).toBe(
      'Bearer realm="http://registry.test/token",service="cpm-registry"',
    );
    const push = await call("POST", "/v2/open/app/blobs/uploads/?mount=sha256:0&from=hidden/app");
    expect(push.headers.get("www-authenticate")).toContain(
      'scope="repository:open/app:pull,push repository:hidden/app:pull"',
    );
    for (const path of ["/v2/", "/v2/_catalog", "/v2/open/app/tags/list", "/api/v1/tokens"])
      expect((await call("GET", path)).headers.get("www-authenticate") ?? "").not.toContain("::");
  });

  test("is what docker's and oras's login makes of it", async () => {
    expect((await call("GET", "/v2/", { headers: await bearer(await tokenFor(olga)) })).status).toBe(200);
    expect((await tokenFor({ ...olga, password: "wrong" })).status).toBe(401);
    const wrong = await call("GET", "/v2/", { headers: { authorization: "Bearer nonsense" } });
    expect(wrong.status).toBe(401);
  });
});

describe("a token", () => {
  test("has what is left of the scopes, and is 200 with nothing left", async () => {
    expect(await scopeOf(await tokenFor(olga, "repository:open/app:pull,push"))).toBe("repository:open/app:pull,push");
    expect(await scopeOf(await tokenFor(olga, "repository:open/app:push,pull"))).toBe("repository:open/app:push,pull");
    expect(await scopeOf(await tokenFor(otto, "repository:open/app:pull,push"))).toBe("repository:open/app:pull");
    expect(await scopeOf(await tokenFor(undefined, "repository:open/app:*"))).toBe("repository:open/app:pull");
    expect(await scopeOf(await tokenFor(otto, "repository:hidden/app:pull"))).toBe("");
    expect(await scopeOf(await tokenFor(olga, "repository:hidden/app:*"))).toBe(
      "repository:hidden/app:pull,push,yank,delete,manage",
    );
    expect(await scopeOf(await tokenFor(olga, "repository:open/a:pull repository:open/b:pull"))).toBe(
      "repository:open/a:pull repository:open/b:pull",
    );
    expect(await scopeOf(await tokenFor(olga, "repository(plugin):open/a:pull"))).toBe("repository:open/a:pull");
    expect(await scopeOf(await tokenFor(otto, "registry:catalog:*", "registry:account:*", "other:x:*"))).toBe(
      "registry:catalog:* registry:account:*",
    );
  });

  test("is for what it was given out for and nothing else", async () => {
    const headers = await bearer(await tokenFor(olga, "repository:hidden/app:pull"));
    expect((await call("GET", "/v2/hidden/app/manifests/x", { headers })).status).toBe(404);
    expect((await call("GET", "/v2/hidden/other/manifests/x", { headers })).status).toBe(401);
    const push = await call("POST", "/v2/hidden/app/blobs/uploads/", { headers });
    expect(push.status).toBe(401);
    expect(push.headers.get("www-authenticate")).toContain('error="insufficient_scope"');
    expect((await call("GET", "/api/v1/tokens", { headers })).status).toBe(401);
    expect((await call("GET", "/token", { headers })).status).toBe(401);
  });

  test.each(["repository::pull", "repository:A:pull", "repository:../x:pull", "pull", ":::", "repository:a b:pull"])(
    "is not given out for the scope %p",
    async (scope) => {
      expect((await tokenFor(olga, scope)).status).toBe(400);
    },
  );

  test("of another audience, another key, or another time is refused", async () => {
    const good = (await (await tokenFor(olga, "repository:open/app:push")).json()).token as string;
    const [body = ""] = good.split(".");
    const claims = JSON.parse(Buffer.from(body, "base64url").toString());
    const forge = (changed: object, key: string) => {
      const text = Buffer.from(JSON.stringify({ ...claims, ...changed })).toString("base64url");
      return `${text}.${createHmac("sha256", key).update(text).digest("base64url")}`;
    };
    const status = async (token: string) =>
      (await call("GET", "/v2/", { headers: { authorization: `Bearer ${token}` } })).status;
    expect(await status(good)).toBe(200);
    expect(await status(forge({}, "another key"))).toBe(401);
    expect(await status(`${good}.x`)).toBe(401);
    expect(await status(good.slice(0, -1))).toBe(401);
    const other = await openRegistryWithUsers({ now: () => now, publicUrl: "https://other.example" });
    try {
      await other.addUser("olga");
      const elsewhere = (await (await other.tokenFor(olga)).json()).token as string;
      expect(await status(elsewhere)).toBe(401);
      const answer = await other.call("GET", "/v2/");
      expect(answer.headers.get("www-authenticate")).toBe(
        'Bearer realm="https://other.example/token",service="other.example"',
      );
    } finally {
      await other.dispose();
    }
    expect((await call("GET", "/token?service=other.example")).status).toBe(400);
    now += 60 * 60_000;
    expect(await status(good)).toBe(401);
  });

  test("ends with the token, the password, the membership or the user that it rests on", async () => {
    const pull = async (headers: Record<string, string>) =>
      (await call("GET", "/v2/hidden/app/manifests/x", { headers })).status;
    const scope = "repository:hidden/app:pull";
    const { accounts } = registry;
    const uma = await registry.addUser("uma");
    await accounts.namespaces.setMember("hidden", "uma", "member", by);

    const byApiToken = await bearer(await tokenFor(await registry.addToken("uma"), scope));
    expect(await pull(byApiToken)).toBe(404);
    await accounts.tokens.revoke((await accounts.tokens.list("uma"))[0]?.id ?? "", by);
    expect(await pull(byApiToken)).toBe(401);

    const byMembership = await bearer(await tokenFor(uma, scope));
    await accounts.namespaces.removeMember("hidden", "uma", by);
    const refused = await call("GET", "/v2/hidden/app/manifests/x", { headers: byMembership });
    expect(refused.status).toBe(404);
    expect((await refused.json()).errors[0].code).toBe("NAME_UNKNOWN");

    const byPassword = await bearer(await tokenFor(uma));
    expect((await call("GET", "/v2/", { headers: byPassword })).status).toBe(200);
    await accounts.users.setPassword("uma", await Bun.password.hash("another password"), by);
    expect((await call("GET", "/v2/", { headers: byPassword })).status).toBe(401);

    const byUser = await bearer(await tokenFor(await registry.addToken("uma")));
    await accounts.users.remove("uma", by);
    expect((await call("GET", "/v2/", { headers: byUser })).status).toBe(401);
  });

  test("is also given out by POST, for a password and for an API token in a refresh token's place", async () => {
    const post = (form: Record<string, string>) =>
      call("POST", "/token", { body: new URLSearchParams({ service: "cpm-registry", ...form }).toString() });
    const scope = "repository:open/app:pull,push";
    expect(await scopeOf(await post({ grant_type: "password", ...olga, scope }))).toBe(scope);
    const { password: token } = await registry.addToken("olga");
    expect(await scopeOf(await post({ grant_type: "refresh_token", refresh_token: token, scope }))).toBe(scope);
    expect((await post({ grant_type: "password", username: "olga", password: "wrong" })).status).toBe(401);
    expect((await call("PUT", "/token")).status).toBe(405);
    expect((await call("POST", "/token", { body: "x".repeat(70_000) })).status).toBe(413);
  });

  test("of the API is taken as Bearer too, and lives no longer when exchanged", async () => {
    const soon = await registry.addToken("olga", { scopes: ["read"], expiresAt: now + 5 * 60_000 });
    const headers = { authorization: `Bearer ${soon.password}` };
    expect((await call("GET", "/v2/", { headers })).status).toBe(200);
    expect((await (await tokenFor(soon)).json()).expires_in).toBe(300);
    const me = await (await call("GET", "/api/v1/whoami", { headers })).json();
    expect(me).toMatchObject({ user: "olga", admin: false, token: { scopes: ["read"] } });
    const [listed] = (await registry.accounts.tokens.list("olga")).filter(({ scopes }) => scopes[0] === "read");
    expect(listed?.lastUsedAt).toBe(now);
  });
});

describe("limits", () => {
  test("wrong passwords of one address are stopped, and of another not", async () => {
    const own = await openRegistryWithUsers({ limits: { failedSignInsPerMinute: 3 }, now: () => now });
    try {
      const user = await own.addUser("uma");
      const wrong = { ...user, password: "wrong" };
      for (let turn = 0; turn < 3; turn++) expect((await own.tokenFor(wrong)).status).toBe(401);
      const stopped = await own.tokenFor(user);
      expect(stopped.status).toBe(429);
      expect(stopped.headers.get("retry-after")).toBe("20");
      expect((await stopped.json()).errors[0].code).toBe("TOOMANYREQUESTS");
      expect((await own.call("GET", "/token")).status).toBe(200);
      // Somebody else there, and whoever has a token, is not kept out.
      const other = await own.addUser("otto");
      expect((await own.tokenFor(other)).status).toBe(200);
      const token = await own.addToken("uma");
      for (let turn = 0; turn < 27; turn++)
        expect((await own.tokenFor({ username: "x", password: `cpm_${turn}` })).status).toBe(401);
      expect((await own.tokenFor({ username: "x", password: "cpm_x" })).status).toBe(429);
      expect((await own.tokenFor(other)).status).toBe(429);
      expect((await own.tokenFor(token)).status).toBe(200);
      now += 20_000;
      expect((await own.tokenFor(user)).status).toBe(200);
    } finally {
      await own.dispose();
    }
  });

  test("requests for tokens, manifests pushed and uploads begun are counted", async () => {
    const limits = { tokensPerMinute: 2, publishesPerMinute: 2, maxOpenUploads: 2 };
    const own = await openRegistryWithUsers({ limits, now: () => now });
    try {
      const user = await own.addUser("uma", true);
      await own.accounts.namespaces.add("lab", false, undefined, by);
      for (const expected of [200, 200, 429]) expect((await own.call("GET", "/token")).status).toBe(expected);
      for (const expected of [400, 400, 429])
        expect((await own.asUser(user, "PUT", "/v2/lab/a/manifests/x", { body: "{}" })).status).toBe(expected);
      for (const expected of [202, 202, 429])
        expect((await own.asUser(user, "POST", "/v2/lab/a/blobs/uploads/")).status).toBe(expected);
      now += 25 * 60 * 60_000;
      expect((await own.asUser(user, "POST", "/v2/lab/a/blobs/uploads/")).status).toBe(202);
    } finally {
      await own.dispose();
    }
  });

  test("a name that nobody has is refused as a wrong password is", async () => {
    const answers = await Promise.all(
      ["nobody", "olga"].map(async (username) => {
        const response = await tokenFor({ username, password: "wrong" });
        return [response.status, (await response.json()).errors];
      }),
    );
    expect(answers[0]).toEqual(answers[1]);
    expect((await tokenFor(admin)).status).toBe(200);
  });
});
