import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Identity } from "@cpm/colonies";
import { textToSign } from "@cpm/registry-client";
import type { SignPurpose } from "@cpm/registry-client";
import { codesOf, openRegistryWithUsers } from "../testing/index.ts";
import type { Credentials, RegistryWithUsers } from "../testing/index.ts";

let now = Date.parse("2026-06-01T12:00:00Z");
const registry = await openRegistryWithUsers({ now: () => now });
const { call, accounts, asUser } = registry;
const by = { actor: "test", requestId: "test" };
const host = "registry.test";
const key = Identity.generate();
let admin: Credentials;
let olga: Credentials;

beforeAll(async () => {
  admin = await registry.addUser("root", true);
  olga = await registry.addUser("olga");
  await accounts.users.bindIdentity("olga", key.id, by);
});
afterAll(() => registry.dispose());

const nonceOf = async (): Promise<string> => (await (await call("POST", "/api/v1/login/challenge")).json()).nonce;
const signed = async (signer: Identity, purpose: SignPurpose, at = host) => {
  const nonce = await nonceOf();
  return { nonce, signature: signer.sign(textToSign(purpose, at, nonce)) };
};
const login = (fields: object) => call("POST", "/api/v1/login", { body: JSON.stringify(fields) });

describe("signing in by a ColonyOS key", () => {
  test("gives a token of the user that the key is bound to", async () => {
    const answer = await login(await signed(key, "sign in"));
    expect(answer.status).toBe(201);
    const { secret, ...made } = await answer.json();
    expect(made).toMatchObject({
      user: "olga",
      scopes: ["read", "publish", "yank"],
      label: `ColonyOS ${key.id.slice(0, 8)}`,
      expiresAt: "2026-07-01T12:00:00.000Z",
    });
    const me = await (await asUser({ username: "x", password: secret }, "GET", "/api/v1/whoami")).json();
    expect(me).toMatchObject({ user: "olga", identities: [key.id] });
    const wide = await login({
      ...(await signed(key, "sign in")),
      scopes: ["admin"],
      expiresInS: 60,
      patterns: ["a/*"],
    });
    expect(await wide.json()).toMatchObject({ scopes: ["admin"], patterns: ["a/*"] });
  });

  test("takes a challenge once", async () => {
    const fields = await signed(key, "sign in");
    expect((await login(fields)).status).toBe(201);
    expect((await login(fields)).status).toBe(401);
    const wrong = { ...fields, nonce: await nonceOf() };
    expect((await login(wrong)).status).toBe(401);
    // Also after an answer that was wrong.
    expect(
      (await login({ nonce: wrong.nonce, signature: key.sign(textToSign("sign in", host, wrong.nonce)) })).status,
    ).toBe(401);
  });

  test("takes a challenge of before a restart, and none that was answered before it", async () => {
    const first = await openRegistryWithUsers();
    const { dataDirectory } = first;
    await first.addUser("nina");
    await first.accounts.users.bindIdentity("nina", key.id, by);
    const nonce = (await (await first.call("POST", "/api/v1/login/challenge")).json()).nonce;
    const again = (await (await first.call("POST", "/api/v1/login/challenge")).json()).nonce;
    const answer = (of: RegistryWithUsers, given: string) =>
      of.call("POST", "/api/v1/login", {
        body: JSON.stringify({ nonce: given, signature: key.sign(textToSign("sign in", host, given)) }),
      });
    expect((await answer(first, nonce)).status).toBe(201);
    await first.close();
    const second = await openRegistryWithUsers({ dataDirectory });
    try {
      expect((await answer(second, nonce)).status).toBe(401);
      expect((await answer(second, again)).status).toBe(201);
    } finally {
      await second.dispose();
    }
  });

  test("refuses a challenge that is old, changed, of another registry or for another purpose", async () => {
    const old = await signed(key, "sign in");
    now += 5 * 60_000;
    expect((await login(old)).status).toBe(401);
    // What a registry in between would have had signed.
    expect((await login(await signed(key, "sign in", "evil.example"))).status).toBe(401);
    expect((await login(await signed(key, "bind"))).status).toBe(401);
    for (const nonce of ["", "a.b.c", `${await nonceOf()}.x`, "x".repeat(10_000)])
      expect((await login({ nonce, signature: key.sign(textToSign("sign in", host, nonce)) })).status).toBe(401);
    expect((await login({ nonce: await nonceOf(), signature: "not hex" })).status).toBe(401);
    expect((await login({})).status).toBe(400);
    expect((await call("GET", "/api/v1/login")).status).toBe(405);
    const other = await openRegistryWithUsers({ now: () => now });
    try {
      const nonce = (await (await other.call("POST", "/api/v1/login/challenge")).json()).nonce;
      expect((await login({ nonce, signature: key.sign(textToSign("sign in", host, nonce)) })).status).toBe(401);
    } finally {
      await other.dispose();
    }
  });

  test("of a key that is nobody's says which it is and who binds it", async () => {
    const stranger = Identity.generate();
    const answer = await login(await signed(stranger, "sign in"));
    expect(answer.status).toBe(401);
    const text = await answer.text();
    expect(text).toContain(stranger.id);
    expect(text).toContain("cpm-registry user bind NAME IDENTITY");
  });

  test("signs no text that a ColonyOS server would take for a command", () => {
    expect(textToSign("sign in", host, "n")).not.toMatch(/^[A-Za-z0-9+/=\r\n]*$/);
  });
});

describe("binding", () => {
  test("is done by the user with the key in hand, or by an administrator, and once for a key", async () => {
    const own = Identity.generate();
    const bind = async (who: Credentials, signer: Identity) =>
      asUser(who, "POST", "/api/v1/identities", { body: JSON.stringify(await signed(signer, "bind")) });
    expect((await bind(olga, own)).status).toBe(204);
    expect((await bind(olga, own)).status).toBe(204);
    expect((await codesOf(await bind(admin, own))).own).toBe("registry-server/account-exists");
    expect((await login(await signed(own, "sign in"))).status).toBe(201);
    expect((await asUser(olga, "DELETE", `/api/v1/identities/${own.id}`)).status).toBe(204);
    expect((await asUser(olga, "DELETE", `/api/v1/identities/${own.id}`)).status).toBe(404);
    expect((await login(await signed(own, "sign in"))).status).toBe(401);

    const path = `/api/v1/users/olga/identities/${own.id}`;
    expect((await asUser(olga, "PUT", path)).status).toBe(403);
    expect((await asUser(admin, "PUT", path)).status).toBe(204);
    expect((await asUser(admin, "PUT", "/api/v1/users/olga/identities/short")).status).toBe(400);
    expect((await login(await signed(own, "sign in"))).status).toBe(201);
    expect((await asUser(admin, "DELETE", path)).status).toBe(204);
    const token = await registry.addToken("olga");
    expect((await bind(token, own)).status).toBe(403);
  });
});
