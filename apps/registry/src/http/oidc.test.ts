import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { openRegistryWithUsers } from "../testing/index.ts";

let now = Date.parse("2026-06-01T12:00:00Z");
const by = { actor: "test", requestId: "test" };
const registry = await openRegistryWithUsers({ now: () => now });
const { accounts, call } = registry;

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const ed = generateKeyPairSync("ed25519");
const weak = generateKeyPairSync("rsa", { modulusLength: 1024 });
const keys = { rsa, ec, ed, weak };
type KeyName = keyof typeof keys;

let published: readonly KeyName[] = ["rsa", "ec", "ed", "weak"];
let reachable = true;
let fetches = 0;
/** A CI system that vouches for its jobs. */
const ci = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request) {
    const { pathname, origin } = new URL(request.url);
    if (!reachable) return new Response("down", { status: 503 });
    if (pathname.endsWith("/openid-configuration"))
      return Response.json({ issuer: origin, jwks_uri: `${origin}/keys` });
    fetches++;
    return Response.json({
      keys: published.map((kid) => ({ ...keys[kid].publicKey.export({ format: "jwk" }), kid })),
    });
  },
});
const issuer = `http://127.0.0.1:${ci.port}`;
const claims = { repository: "acme/web", ref: "refs/heads/main" };

beforeAll(async () => {
  await registry.addUser("root", true);
  await registry.addUser("robot");
  await accounts.namespaces.add("acme", true, "robot", by);
  await accounts.publishers.add({ user: "robot", issuer, claims, package: "acme/web" }, by);
});
afterAll(async () => {
  await ci.stop(true);
  await registry.dispose();
});

interface Made {
  readonly key?: KeyName;
  readonly alg?: string;
  readonly claims?: object;
  readonly signature?: (data: Buffer) => Buffer;
}

let count = 0;
function idToken({
  key = "rsa",
  alg = { rsa: "RS256", weak: "RS256", ec: "ES256", ed: "EdDSA" }[key],
  ...made
}: Made = {}) {
  const times = { iat: now / 1000, exp: now / 1000 + 300, jti: String(count++) };
  const payload = { iss: issuer, aud: "cpm-registry", sub: "job", ...times, ...claims, ...made.claims };
  const data = [{ alg, kid: key }, payload].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  const text = Buffer.from(data.join("."));
  const signature = made.signature?.(text) ?? signatureOf(keys[key].privateKey, key, text);
  return `${data.join(".")}.${signature.toString("base64url")}`;
}

function signatureOf(privateKey: KeyObject, key: KeyName, data: Buffer): Buffer {
  if (key === "ed") return sign(null, data, privateKey);
  return sign("sha256", data, key === "ec" ? { key: privateKey, dsaEncoding: "ieee-p1363" } : privateKey);
}

const exchange = (token: string, name = "acme/web") =>
  call("POST", "/api/v1/login/oidc", { body: JSON.stringify({ token, package: name }) });

describe("a job of a CI system", () => {
  test.each(["rsa", "ec", "ed"] as const)("gets a token that pushes the one package, for a while (%s)", async (key) => {
    const answer = await exchange(idToken({ key }));
    expect(answer.status).toBe(201);
    const { secret, ...made } = await answer.json();
    expect(made).toMatchObject({ user: "robot", scopes: ["publish"], patterns: ["acme/web"] });
    expect(Date.parse(made.expiresAt)).toBe(now + 15 * 60_000);
    const token = { username: "x", password: secret };
    const push = (name: string) => registry.byToken(token, "POST", `/v2/${name}/blobs/uploads/`);
    expect((await push("acme/web")).status).toBe(202);
    expect((await push("acme/other")).status).toBe(404);
    expect((await registry.byToken(token, "GET", "/api/v1/tokens")).status).toBe(403);
    now += 15 * 60_000;
    expect((await push("acme/web")).status).toBe(401);
    const [entry] = await accounts.audit.entries(undefined, Number.MAX_SAFE_INTEGER, 1);
    expect(entry).toMatchObject({ action: "token.create", actor: expect.stringMatching(/^robot\/[0-9a-f]{8}$/) });
  });

  test("exchanges an identity token once, whatever signature stands under it", async () => {
    const token = idToken();
    expect((await exchange(token)).status).toBe(201);
    expect((await exchange(token)).status).toBe(401);
    const ecToken = idToken({ key: "ec" });
    expect((await exchange(ecToken)).status).toBe(201);
    const [header = "", payload = ""] = ecToken.split(".");
    const again = signatureOf(ec.privateKey, "ec", Buffer.from(`${header}.${payload}`)).toString("base64url");
    expect((await exchange(`${header}.${payload}.${again}`)).status).toBe(401);
  });

  test.each<[string, Made & { readonly name?: string }]>([
    ["another audience", { claims: { aud: "other-registry" } }],
    ["no audience", { claims: { aud: undefined } }],
    ["another repository", { claims: { repository: "evil/web" } }],
    ["another branch", { claims: { ref: "refs/heads/other" } }],
    ["a claim that is no text", { claims: { repository: ["acme/web"] } }],
    ["another package", { name: "acme/other" }],
    ["a time that is over", { claims: { exp: 1 } }],
    ["a time without end", { claims: { exp: 1e13 } }],
    ["no end", { claims: { exp: undefined } }],
    ["a time to come", { claims: { nbf: 1e11 } }],
    ["an issuer that is not trusted", { claims: { iss: "https://evil.example" } }],
    ["no issuer", { claims: { iss: 5 } }],
    ["no signature", { alg: "none", signature: () => Buffer.alloc(0) }],
    [
      "a public key for a secret",
      {
        alg: "HS256",
        signature: (data) =>
          createHmac("sha256", rsa.publicKey.export({ format: "pem", type: "spki" }))
            .update(data)
            .digest(),
      },
    ],
    ["a key of another kind", { alg: "ES256" }],
    ["a key that is too short", { key: "weak" }],
    ["the signature of another key", { signature: (data) => sign("sha256", data, weak.privateKey) }],
  ])("with %s gets nothing", async (_, made) => {
    const answer = await exchange(idToken(made), made.name);
    expect(answer.status).toBe(401);
    expect(JSON.stringify(await answer.json())).not.toContain("secret");
  });

  test.each(["", "a.b.c", "x".repeat(20_000), `${Buffer.from("{}").toString("base64url")}.e30.`])(
    "with what is no identity token gets nothing",
    async (text) => {
      expect((await exchange(text)).status).toBe(401);
    },
  );

  test("is taken for an audience among several", async () => {
    expect((await exchange(idToken({ claims: { aud: ["a", "cpm-registry"] } }))).status).toBe(201);
  });

  test("publishes while its issuer cannot be reached, by keys that were seen; new keys are fetched", async () => {
    published = ["rsa", "ec"];
    now += 60 * 60_000;
    expect((await exchange(idToken())).status).toBe(201);
    reachable = false;
    now += 60 * 60_000;
    expect((await exchange(idToken())).status).toBe(201);
    expect((await exchange(idToken({ key: "ed" }))).status).toBe(401);
    reachable = true;
    published = ["rsa", "ec", "ed"];
    expect((await exchange(idToken({ key: "ed" }))).status).toBe(201);
    // Keys that nobody has do not make the registry ask at every request.
    const before = fetches;
    for (let turn = 0; turn < 5; turn++)
      await exchange(idToken({ signature: () => Buffer.from("x") }).replace(/^[^.]+/, unknownKey));
    expect(fetches - before).toBeLessThanOrEqual(1);
  });

  test("gets nothing while the keys of its issuer were never seen", async () => {
    reachable = false;
    const own = await openRegistryWithUsers({ now: () => now });
    await own.addUser("robot");
    await own.accounts.publishers.add({ user: "robot", issuer, claims, package: "acme/web" }, by);
    const body = JSON.stringify({ token: idToken(), package: "acme/web" });
    expect((await own.call("POST", "/api/v1/login/oidc", { body })).status).toBe(424);
    await own.dispose();
    reachable = true;
  });

  test("gets nothing once its publisher is removed", async () => {
    const [publisher] = await accounts.publishers.list();
    await accounts.publishers.remove(publisher?.id ?? "", by);
    return exchange(idToken()).then((answer) => expect(answer.status).toBe(401));
  });
});

test.each([
  { user: "robot", issuer: "http://ci.example", claims, package: "acme/web" },
  { user: "robot", issuer: "https://u:p@ci.example", claims, package: "acme/web" },
  { user: "robot", issuer: "https://ci.example", claims: {}, package: "acme/web" },
  { user: "robot", issuer: "https://ci.example", claims, package: "" },
  { user: "nobody", issuer: "https://ci.example", claims, package: "acme/web" },
])("a publisher that cannot be is refused: %j", async (publisher) => {
  await expect(accounts.publishers.add(publisher, by)).rejects.toThrow(/./);
});

const unknownKey = Buffer.from(JSON.stringify({ alg: "RS256", kid: "unknown" })).toString("base64url");
