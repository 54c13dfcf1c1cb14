import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { formatChallenge } from "@cpm/oci";
import type { Credential, CredentialSource, Fetch } from "@cpm/registry-client";
import { someBytes, blobOf, clientOf, codeOf, impatientClock } from "./testing.ts";
import { put } from "@cpm/store/testing";

/** What the token service does with one request; undefined for its usual answer. */
type TokenFault = (request: Request) => Response | undefined;

/** A registry of one tag and any blob that wants a token for everything, and the token service beside it. */
class TokenRegistry {
  readonly tokenRequests: { method: string; url: URL; authorization: string | null; form: URLSearchParams }[] = [];
  readonly registryRequests: { method: string; path: string; authorization: string | null }[] = [];
  readonly valid = new Map<string, string>();
  lifetimeS: number | undefined = 300;
  tokenFault: TokenFault = () => undefined;
  challenge = (scope: string): string | undefined =>
    formatChallenge("Bearer", {
      realm: `http://${this.tokenHost}/token`,
      service: "registry.test",
      ...(scope === "" ? {} : { scope }),
    });
  rights: (scope: string) => boolean = () => true;
  basic: string | undefined;
  redirectTo: string | undefined;
  #count = 0;
  readonly #registry = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: (request) => this.#answer(request) });
  readonly #tokens = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: (request) => this.#token(request) });

  get host(): string {
    return `127.0.0.1:${this.#registry.port}`;
  }

  get tokenHost(): string {
    return `127.0.0.1:${this.#tokens.port}`;
  }

  async stop(): Promise<void> {
    await this.#registry.stop(true);
    await this.#tokens.stop(true);
  }

  scopesAsked(): string[][] {
    return this.tokenRequests.map(({ url, form, method }) =>
      method === "POST" ? (form.get("scope") ?? "").split(" ") : url.searchParams.getAll("scope"),
    );
  }

  #answer(request: Request): Response {
    const { pathname } = new URL(request.url);
    const authorization = request.headers.get("authorization");
    this.registryRequests.push({ method: request.method, path: pathname, authorization });
    const writes = !["GET", "HEAD"].includes(request.method);
    const name = /^\/v2\/(.+)\/(?:blobs|manifests|tags)\//.exec(pathname)?.[1];
    const scope = name === undefined ? "" : `repository:${name}:${writes ? "pull,push" : "pull"}`;
    const granted = this.valid.get(authorization?.replace(/^Bearer /, "") ?? "");
    if (authorization !== this.basic || this.basic === undefined) {
      if (granted === undefined) return this.#refuse(scope);
      if (!this.rights(scope)) return this.#refuse(scope, 'error="insufficient_scope"');
    }
    if (this.redirectTo !== undefined)
      return new Response(null, { status: 307, headers: { location: this.redirectTo } });
    if (request.method === "POST")
      return new Response(null, { status: 202, headers: { location: `${pathname}session` } });
    if (request.method === "PUT") return new Response(null, { status: 201 });
    if (pathname.endsWith("/tags/list")) return Response.json({ name, tags: ["1.0.0"] });
    return new Response(null, { status: pathname === "/v2/" ? 200 : 404 });
  }

  #refuse(scope: string, more = ""): Response {
    const value = this.challenge(scope);
    const headers: Record<string, string> =
      value === undefined ? {} : { "www-authenticate": more === "" ? value : `${value},${more}` };
    return Response.json(
      { errors: [{ code: "UNAUTHORIZED", message: "authentication required" }] },
      { status: 401, headers },
    );
  }

  async #token(request: Request): Promise<Response> {
    const form = new URLSearchParams(request.method === "POST" ? await request.clone().text() : "");
    const authorization = request.headers.get("authorization");
    this.tokenRequests.push({ method: request.method, url: new URL(request.url), authorization, form });
    const fault = this.tokenFault(request);
    if (fault !== undefined) return fault;
    const token = `token-${++this.#count}`;
    this.valid.set(token, authorization ?? form.get("refresh_token") ?? "anonymous");
    return Response.json({ token, ...(this.lifetimeS === undefined ? {} : { expires_in: this.lifetimeS }) });
  }
}

let registry: TokenRegistry;
beforeEach(() => {
  registry = new TokenRegistry();
});
afterEach(() => registry.stop());

const ada: Credential = { kind: "password", username: "ada", password: "s3:cret" };
const adaBasic = `Basic ${btoa("ada:s3:cret")}`;
const name = "rise/wordcount";

describe("a token", () => {
  test("is had anonymously, for what is done, once", async () => {
    const repository = clientOf(registry.host).repository(name);
    for (let time = 0; time < 3; time++) expect(await repository.tags()).toEqual(["1.0.0"]);
    expect(registry.tokenRequests).toHaveLength(1);
    const [asked] = registry.tokenRequests;
    expect(asked?.authorization).toBeNull();
    expect(asked?.url.searchParams.get("service")).toBe("registry.test");
    expect(registry.scopesAsked()).toEqual([[`repository:${name}:pull`]]);
    expect(registry.registryRequests).toHaveLength(4);
  });

  test("is had with a name and a password, which the registry itself never sees", async () => {
    await clientOf(registry.host, { credentials: known(ada) })
      .repository(name)
      .tags();
    expect(registry.tokenRequests.map((request) => request.authorization)).toEqual([adaBasic]);
    expect(registry.registryRequests.map((request) => request.authorization)).toEqual([null, "Bearer token-1"]);
  });

  test("to push is another than the one to pull, and covers a whole push", async () => {
    const repository = clientOf(registry.host, { credentials: known(ada) }).repository(name);
    await repository.tags();
    const bytes = someBytes(100);
    await put(repository, bytes);
    expect(registry.scopesAsked()).toEqual([[`repository:${name}:pull`], [`repository:${name}:pull,push`]]);
    await repository.mount(blobOf(bytes), "other/from");
    expect(registry.scopesAsked()[2]).toContain("repository:other/from:pull");
  });

  test("is asked for once by many at the same time, whichever of them gives up", async () => {
    const waiting = Promise.withResolvers<void>();
    const repository = clientOf(registry.host, { fetch: delayed(registry.tokenHost, waiting.promise) }).repository(
      name,
    );
    const abort = new AbortController();
    const first = repository.tags({ signal: abort.signal });
    const others = Array.from({ length: 4 }, () => repository.tags());
    await untilTrue(() => registry.registryRequests.length === 5);
    const reason = new Error("enough");
    abort.abort(reason);
    expect(await first.catch((error: unknown) => error)).toBe(reason);
    waiting.resolve();
    for (const tags of await Promise.all(others)) expect(tags).toEqual(["1.0.0"]);
    expect(registry.tokenRequests).toHaveLength(1);
  });

  test("is renewed before it ends, without being asked", async () => {
    const clock = impatientClock();
    const repository = clientOf(registry.host, { clock }).repository(name);
    await repository.tags();
    clock.advance(294_000);
    await repository.tags();
    expect(registry.tokenRequests).toHaveLength(1);
    clock.advance(2000);
    await repository.tags();
    expect(registry.tokenRequests).toHaveLength(2);
    expect(registry.registryRequests.filter((request) => request.authorization === null)).toHaveLength(1);
  });

  test("without a lifetime is good for a minute", async () => {
    registry.lifetimeS = undefined;
    const clock = impatientClock();
    const repository = clientOf(registry.host, { clock }).repository(name);
    await repository.tags();
    clock.advance(50_000);
    await repository.tags();
    expect(registry.tokenRequests).toHaveLength(1);
    clock.advance(10_000);
    await repository.tags();
    expect(registry.tokenRequests).toHaveLength(2);
  });

  test("that the registry does not take any more is had again", async () => {
    const repository = clientOf(registry.host).repository(name);
    await repository.tags();
    registry.valid.clear();
    expect(await repository.tags()).toEqual(["1.0.0"]);
    expect(registry.tokenRequests).toHaveLength(2);
  });

  test.each([
    ["forward", 1],
    ["back", -1],
  ])(
    "is had again, once, when the clock is set %s by a year and the registry takes the old one no more",
    async (_, way) => {
      const clock = impatientClock();
      const repository = clientOf(registry.host, { clock }).repository(name);
      await repository.tags();
      clock.advance(way * 365 * 24 * 60 * 60_000);
      registry.valid.clear();
      for (let time = 0; time < 3; time++) expect(await repository.tags()).toEqual(["1.0.0"]);
      expect(registry.tokenRequests).toHaveLength(2);
    },
  );

  test("that is never taken ends the matter after one more try", async () => {
    registry.tokenFault = () => Response.json({ access_token: "worthless" });
    expect(await codeOf(clientOf(registry.host).repository(name).tags())).toBe("registry/unauthorized");
    expect(registry.registryRequests).toHaveLength(2);
    expect(registry.tokenRequests).toHaveLength(1);
  });
});

describe("an identity token", () => {
  const identity: Credential = { kind: "identity-token", token: "refresh-me" };

  test("is exchanged by POST", async () => {
    await clientOf(registry.host, { credentials: known(identity) })
      .repository(name)
      .tags();
    const [asked] = registry.tokenRequests;
    expect(asked?.method).toBe("POST");
    expect(asked?.authorization).toBeNull();
    expect(Object.fromEntries(asked?.form ?? [])).toMatchObject({
      grant_type: "refresh_token",
      refresh_token: "refresh-me",
      service: "registry.test",
      scope: `repository:${name}:pull`,
    });
  });

  test.each([404, 405])("is sent by GET where POST is answered with %d", async (status) => {
    registry.tokenFault = (request) => (request.method === "POST" ? new Response(null, { status }) : undefined);
    expect(
      await clientOf(registry.host, { credentials: known(identity) })
        .repository(name)
        .tags(),
    ).toEqual(["1.0.0"]);
    expect(registry.tokenRequests.map(({ method, authorization }) => [method, authorization])).toEqual([
      ["POST", null],
      ["GET", `Basic ${btoa("<token>:refresh-me")}`],
    ]);
  });
});

describe("other ways", () => {
  test("an access token is sent as it is", async () => {
    registry.valid.set("given", "somebody");
    const credential: Credential = { kind: "access-token", token: "given" };
    expect(
      await clientOf(registry.host, { credentials: known(credential) })
        .repository(name)
        .tags(),
    ).toEqual(["1.0.0"]);
    expect(registry.tokenRequests).toEqual([]);
  });

  test("a registry that wants Basic gets it, and nothing where there is no password", async () => {
    registry.challenge = () => 'Basic realm="test"';
    registry.basic = adaBasic;
    expect(
      await clientOf(registry.host, { credentials: known(ada) })
        .repository(name)
        .tags(),
    ).toEqual(["1.0.0"]);
    expect(await codeOf(clientOf(registry.host).repository(name).tags())).toBe("registry/unauthorized");
    expect(registry.tokenRequests).toEqual([]);
  });

  test("a registry that says no more than 401 is not asked again", async () => {
    registry.challenge = () => undefined;
    expect(await codeOf(clientOf(registry.host, { credentials: known(ada) }).ping())).toBe("registry/unauthorized");
    expect(registry.registryRequests).toHaveLength(1);
  });
});

describe("a refusal", () => {
  test("for want of rights is told from one for want of a login", async () => {
    registry.rights = (scope) => !scope.includes("push");
    const push = (credentials?: CredentialSource) =>
      codeOf(
        put(clientOf(registry.host, credentials === undefined ? {} : { credentials }).repository(name), someBytes(10)),
      );
    expect(await push(known(ada))).toBe("registry/denied");
    expect(await push()).toBe("registry/unauthorized");
    expect(registry.registryRequests.length).toBeLessThan(12);
  });

  test.each([
    [400, "registry/unauthorized", 1],
    [401, "registry/unauthorized", 1],
    [403, "registry/unauthorized", 1],
    [404, "registry/server", 1],
    [302, "registry/server", 1],
    [429, "registry/rate-limited", 3],
    [500, "registry/server", 3],
  ])("of the token service with %d is %s", async (status, expected, requests) => {
    registry.tokenFault = () => new Response("no", { status, headers: { location: "http://127.0.0.1:1/" } });
    const client = clientOf(registry.host, { credentials: known(ada), limits: { attempts: 3 } });
    expect(await codeOf(client.repository(name).tags())).toBe(expected);
    expect(registry.tokenRequests).toHaveLength(requests);
  });

  test("never carries the password or a token", async () => {
    registry.tokenFault = () => new Response(adaBasic, { status: 401 });
    const failed = clientOf(registry.host, { credentials: known(ada) })
      .repository(name)
      .tags();
    const error: unknown = await failed.catch((reason: unknown) => reason);
    const text = Bun.inspect(error, { depth: 10 });
    for (const secret of ["s3:cret", btoa("ada:s3:cret")]) expect(text).not.toContain(secret);
  });

  test.each([
    ["no JSON", "<html>"],
    ["no token", "{}"],
    ["a token that is no header", '{"token":"a\\r\\nb"}'],
    ["a list", "[]"],
    ["nothing", ""],
  ])("is what a token service causes that answers %s", async (_, body) => {
    registry.tokenFault = () => new Response(body);
    expect(await codeOf(clientOf(registry.host).repository(name).tags())).toBe("registry/protocol");
  });

  test("is what a token service causes that does not stop", async () => {
    registry.tokenFault = () => new Response("x".repeat(2_000_000));
    expect(await codeOf(clientOf(registry.host).repository(name).tags())).toBe("registry/too-large");
  });
});

describe("credentials are kept from", () => {
  const sent: { url: string; authorization: string | null }[] = [];
  afterAll(() => sent.splice(0));
  /** A registry anywhere, which names any token service. */
  function registryElsewhere(realm: string): Fetch {
    return async (url, init) => {
      sent.push({ url, authorization: new Headers(init.headers).get("authorization") });
      if (new URL(url).pathname === "/token") return Response.json({ token: "t" });
      const headers = { "www-authenticate": formatChallenge("Bearer", { realm, service: "s" }) };
      return new Response(null, { status: 401, headers });
    };
  }

  test.each([
    ["another host by plain http", "registry.example", true, "http://other.example/token"],
    ["the same host by plain http instead of https", "registry.example", false, "http://registry.example/token"],
    ["this machine", "registry.example", true, "http://127.0.0.1/token"],
    ["a link-local address", "registry.example", true, "http://169.254.169.254/token"],
    ["another host by plain http, from this machine", "localhost:5000", true, "http://other.example/token"],
    ["a file", "registry.example", false, "file:///token"],
    ["nowhere", "registry.example", false, ""],
  ])("%s", async (_, host, plainHttp, realm) => {
    sent.splice(0);
    const client = clientOf(host, { fetch: registryElsewhere(realm), credentials: known(ada), plainHttp });
    expect(await codeOf(client.ping())).toBe("registry/protocol");
    expect(sent.map((request) => request.authorization)).toEqual([null]);
  });

  test.each([
    ["https://auth.example/token", "registry.example", false],
    ["http://registry.example:5001/token", "registry.example:5000", true],
    ["http://127.0.0.1:5001/token", "localhost:5000", true],
  ])("nobody at %s for %s", async (realm, host, plainHttp) => {
    sent.splice(0);
    const client = clientOf(host, { fetch: registryElsewhere(realm), credentials: known(ada), plainHttp });
    expect(await codeOf(client.ping())).toBe("registry/unauthorized");
    expect(sent.map((request) => request.authorization)).toEqual([null, adaBasic, "Bearer t"]);
  });

  test("the host that a registry redirects to, and its challenge is not answered", async () => {
    const seen: (string | null)[] = [];
    const elsewhere = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch(request) {
        seen.push(request.headers.get("authorization"));
        return new Response(null, { status: 401, headers: { "www-authenticate": 'Basic realm="give me"' } });
      },
    });
    registry.redirectTo = `http://127.0.0.1:${elsewhere.port}/object`;
    const client = clientOf(registry.host, { credentials: known(ada) });
    expect(await codeOf(client.repository(name).tags())).toBe("registry/unauthorized");
    expect(seen).toEqual([null]);
    await elsewhere.stop(true);
  });
});

function known(credential: Credential): CredentialSource {
  return { get: async () => credential };
}

/** Holds back what goes to one host until the promise is kept. */
function delayed(host: string, until: Promise<void>): Fetch {
  return async (url, init) => {
    if (new URL(url).host === host) await until;
    return fetch(url, init);
  };
}

async function untilTrue(isTrue: () => boolean): Promise<void> {
  for (let turn = 0; turn < 2000 && !isTrue(); turn++) await new Promise((resolve) => setTimeout(resolve, 1));
  expect(isTrue()).toBe(true);
}
