import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeUtf8 } from "@cpm/base";
import { propertyFactor, propertyRuns } from "@cpm/base/testing";
import { serveRegistry } from "@cpm/registry";
import type { RunningRegistry } from "@cpm/registry";
import { basicHeader } from "@cpm/registry/testing";
import { digestOf } from "@cpm/store";
import fc from "fast-check";
import { cpmRegistry } from "./command.ts";

const data = mkdtempSync(join(tmpdir(), "cpm-fuzz-"));
const failures: string[] = [];
let registry: RunningRegistry;
let token = "";

beforeAll(async () => {
  for (const args of [
    ["user", "add", "root", "--admin", "--no-password"],
    ["namespace", "add", "acme", "--owner", "root"],
    ["namespace", "add", "hidden", "--private", "--owner", "root"],
  ])
    expect((await cpmRegistry([...args, "--data", data])).exitCode).toBe(0);
  const scopes = ["read", "publish", "yank", "admin"].flatMap((scope) => ["--scope", scope]);
  token = (await cpmRegistry(["token", "create", "root", ...scopes, "--data", data])).stdout.trim();
  const many = 1_000_000;
  registry = await serveRegistry({
    dataDirectory: data,
    hostname: "127.0.0.1",
    port: 0,
    limits: { tokensPerMinute: many, failedSignInsPerMinute: many, publishesPerMinute: many, maxOpenUploads: many },
    log: ({ status, method, path, error }) => {
      if (status >= 500) failures.push(`${method} ${path}: ${status} ${error ?? ""}`);
    },
  });
});
afterAll(async () => {
  await registry.stop();
  rmSync(data, { recursive: true, force: true });
});

/** The words that requests are made of, so that most of them reach a handler. */
const digests = [
  digestOf(encodeUtf8("x")),
  "sha256:short",
  `sha512:${"a".repeat(128)}`,
  "sha256%3A",
  "latest",
  "1.0.0",
];
const word = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("acme", "hidden", "app", "blobs", "manifests", "tags", "list", "uploads") },
  {
    weight: 2,
    arbitrary: fc.constantFrom("referrers", "_catalog", "..", ".", "%2e%2e", "%00", "%zz", "", "*", ...digests),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 30 }).map(safeEncode) },
);
const ociPath = fc.array(word, { maxLength: 7 }).map((parts) => `/v2/${parts.join("/")}`);
const endpoint = fc.constantFrom("blobs", "manifests", "tags", "referrers", "blobs/uploads");
const shapedPath = fc
  .tuple(fc.constantFrom("acme/app", "hidden/app", "absent/app"), endpoint, fc.oneof(fc.constantFrom("", "list"), word))
  .map(([repository, keyword, rest]) => `/v2/${repository}/${keyword}/${rest}`);
const knownPath = fc.constantFrom(
  "/v2/",
  "/token",
  "/api/v1/search",
  "/api/v1/whoami",
  "/api/v1/tokens",
  "/api/v1/users",
  "/api/v1/namespaces",
  "/api/v1/namespaces/acme/audit",
  "/api/v1/namespaces/acme/members/root",
  "/api/v1/identities",
  "/api/v1/login",
  "/api/v1/login/challenge",
  "/api/v1/login/oidc",
  "/api/v1/audit",
  "/api/v1/changes",
  "/api/v1/packages/acme/app",
  "/api/v1/packages/acme/app/resolution",
  "/api/v1/packages/acme/app/versions/1.0.0",
  "/api/v1/packages/acme/app/versions/1.0.0/yank",
  "/api/v1/packages/acme/app/versions/1.0.0/deprecation",
  "/api/v1/packages/acme/app/deprecation",
  "/api/v1/namespaces/acme/webhooks",
  "/api/v1/namespaces/acme/webhooks/1/deliveries",
  "/packages/acme/app",
  "/namespaces/acme",
  "/v2/acme/app/blobs/uploads/",
  "/v2/acme/app/blobs/uploads/",
  "/v2/acme/app/blobs/uploads/",
  "/v2/acme/app/manifests/1.0.0",
  `/v2/acme/app/blobs/${digests[0] ?? ""}`,
);
const apiPath = fc.array(word, { maxLength: 5 }).map((parts) => `/api/v1/${parts.join("/")}`);
const queryKey = fc.constantFrom(
  "n",
  "last",
  "digest",
  "mount",
  "from",
  "tag",
  "artifactType",
  "service",
  "scope",
  "q",
  "limit",
  "offset",
  "before",
  "after",
  "wait",
  "keyword",
  "owner",
  "executor",
  "platform",
  "page",
  "digest-algorithm",
);
const queryValue = fc.oneof(
  fc.constantFrom(
    "0",
    "-1",
    "99999999999999999999",
    "repository::pull",
    "repository:acme/app:*",
    "acme/app",
    ...digests,
  ),
  fc.string({ unit: "binary", maxLength: 40 }),
);
const query = fc.array(fc.tuple(queryKey, queryValue), { maxLength: 4 });
const headerName = fc.constantFrom(
  "content-type",
  "content-range",
  "range",
  "if-range",
  "if-none-match",
  "authorization",
  "accept",
  "expect",
  "x-forwarded-for",
);
const headerValue = fc.oneof(
  fc.constantFrom(
    "bytes=0-0",
    "bytes=5-1",
    "0-3",
    "9999999999999999-1",
    "application/vnd.oci.image.index.v1+json",
    "Basic !",
    "Bearer ",
    "Bearer a.b",
    "Basic Og==",
    '"x"',
  ),
  fc.string({ unit: "grapheme-ascii", maxLength: 60 }),
);
const headers = fc.array(fc.tuple(headerName, headerValue), { maxLength: 3 });
const body = fc.oneof(
  fc.constant(undefined),
  fc.constantFrom(
    "",
    "{",
    "[]",
    "null",
    '{"schemaVersion":2}',
    '{"name":"x","scopes":[],"role":{}}',
    '{"nonce":"a.b.c","signature":"00"}',
    "grant_type=password",
  ),
  fc.json({ maxDepth: 4 }),
  fc.uint8Array({ maxLength: 200 }),
);
const request = fc.record({
  method: fc.constantFrom("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"),
  path: fc.oneof(
    { weight: 2, arbitrary: ociPath },
    { weight: 5, arbitrary: shapedPath },
    { weight: 3, arbitrary: knownPath },
    { weight: 1, arbitrary: apiPath },
  ),
  query,
  headers,
  body,
  known: fc.constantFrom(true, true, true, false),
});

describe("whatever is sent", () => {
  test(
    "nothing is answered with a failure of the server",
    async () => {
      const seen = new Map<number, number>();
      await fc.assert(
        fc.asyncProperty(request, async ({ method, path, query, headers, body, known }) => {
          const own = known ? basicHeader({ username: "x", password: token }) : {};
          const init: RequestInit = { method, headers: { ...Object.fromEntries(headers), ...own }, redirect: "manual" };
          if (body !== undefined && method !== "GET" && method !== "HEAD") init.body = body as BodyInit;
          const response = await fetch(`http://${registry.host}${path}?${new URLSearchParams(query)}`, init);
          await response.body?.cancel();
          expect([response.status, failures]).toEqual([expect.any(Number), []]);
          expect(response.status).toBeLessThan(500);
          seen.set(response.status, (seen.get(response.status) ?? 0) + 1);
        }),
        propertyRuns(3000),
      );
      // Chance must have come past the doors, not only to them.
      process.stdout.write(`fuzzed: ${JSON.stringify(Object.fromEntries(seen))}\n`);
      for (const status of [200, 202, 400, 401, 404, 405])
        expect([status, seen.get(status) ?? 0]).not.toEqual([status, 0]);
    },
    120_000 * Math.max(1, propertyFactor),
  );

  test(
    "bytes that are no request end nothing but their own connection",
    async () => {
      const line = fc.constantFrom(
        "GET / HTTP/1.1\r\n",
        "PUT /v2/ HTTP/1.1\r\n",
        "host: x\r\n",
        "\r\n",
        "content-length: -1\r\n",
        "transfer-encoding: chunked\r\n",
        "zz\r\n",
        "\u0000",
        "GET http://x/v2/ HTTP/1.1\r\n",
        "GET /v2/\u00ff HTTP/1.1\r\n",
      );
      await fc.assert(
        fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 6 }), async (lines) => {
          expect(await raw(lines.join(""))).not.toMatch(/^HTTP\/1\.1 5/);
        }),
        { numRuns: 100 },
      );
      expect((await fetch(`http://${registry.host}/livez`)).status).toBe(200);
    },
    120_000 * Math.max(1, propertyFactor),
  );

  test.each([
    ["a header", { "x-long": "x".repeat(1_000_000) }, "/v2/"],
    ["an Authorization", { authorization: `Basic ${"x".repeat(12_000)}` }, "/v2/"],
    ["a path", {}, `/v2/${"a/".repeat(4000)}tags/list`],
    ["a name", {}, `/v2/${"a".repeat(300)}/tags/list`],
  ])("%s that is too long is refused", async (_, headers, path) => {
    const status = await fetch(`http://${registry.host}${path}`, { headers }).then(
      (response) => response.status,
      () => 431,
    );
    expect([400, 401, 404, 413, 414, 431]).toContain(status);
    expect(failures).toEqual([]);
  });

  test("a body that is too long for what it is for is refused", async () => {
    const auth = basicHeader({ username: "x", password: token });
    for (const [method, path, size] of [
      ["PUT", "/v2/acme/app/manifests/x", 5_000_000],
      ["POST", "/api/v1/tokens", 100_000],
      ["POST", "/token", 100_000],
    ] as const) {
      const { status } = await fetch(`http://${registry.host}${path}`, {
        method,
        headers: auth,
        body: "x".repeat(size),
      });
      expect([path, status]).toEqual([path, 413]);
    }
  });
});

function safeEncode(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

/** What comes back for these bytes until the other side closes, or is silent for a moment. */
async function raw(bytes: string): Promise<string> {
  const [hostname = "", port = ""] = registry.host.split(":");
  const socket = connect(Number(port), hostname);
  const { promise, resolve } = Promise.withResolvers<string>();
  let text = "";
  socket.on("data", (piece) => (text += piece.toString()));
  socket.once("close", () => resolve(text));
  socket.once("error", () => resolve(text));
  socket.setTimeout(20, () => socket.destroy());
  socket.write(bytes);
  return promise;
}
