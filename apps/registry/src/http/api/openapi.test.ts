import { Validator } from "@seriousme/openapi-schema-validator";
import { expect, test } from "bun:test";
import { stringifyJson } from "@cpm/base";
import { Identity } from "@cpm/colonies";
import { formatManifest } from "@cpm/oci";
import { textToSign } from "@cpm/registry-client";
import type { SignPurpose } from "@cpm/registry-client";
import { assertValid, describedAnswers } from "../../testing/api-answers.ts";
import { openRegistryWithUsers, packageArtifact } from "../../testing/index.ts";
import { openApiDocument } from "./document.ts";
import { apiOperations } from "./operations.ts";

/** As a program reads it. */
const document = () => JSON.parse(stringifyJson(openApiDocument())) as Record<string, unknown>;

test("the document is OpenAPI 3.1", async () => {
  const { valid, errors } = await new Validator().validate(document());
  expect(errors).toBeUndefined();
  expect(valid).toBe(true);
});

test("what is not OpenAPI is found out", async () => {
  const broken = { ...document(), paths: { "/x": { get: { responses: "none" } } } };
  expect((await new Validator().validate(broken)).valid).toBe(false);
});

test("operations have names of their own, and examples that are as described", () => {
  const ids = Object.values(apiOperations).map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const [route, { answers }] of Object.entries(apiOperations))
    for (const { schema, example } of Object.values(answers))
      if (schema !== undefined && example !== undefined) assertValid(`the example of ${route}`, schema, example);
});

test("an answer that is not as described is found out", () => {
  const schema = { $ref: "#/components/schemas/Namespace" };
  assertValid("a namespace", schema, { name: "acme", private: false });
  expect(() => assertValid("a namespace", schema, { name: "acme" })).toThrow("private");
  expect(() => assertValid("a namespace", schema, { name: "acme", private: false, more: 1 })).toThrow("more");
});

/** What needs a CI system or another registry is answered in the tests of these. */
const elsewhere = ["POST /api/v1/login/oidc 201", "GET /api/v1/packages/{namespace}/{name} 304"];

/** Each answer is held to its description by the registry under test; here every one of them is asked for. */
test("every answer that is described is given, and is as described", async () => {
  const registry = await openRegistryWithUsers();
  const admin = await registry.addUser("root", true);
  const key = Identity.generate();
  const ask = async (method: string, path: string, body?: object) => {
    const options = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await registry.asUser(admin, method, `/api/v1${path}`, options);
    if (answer.status >= 400) throw new Error(`${method} ${path}: ${await answer.text()}`);
    return answer;
  };
  const signed = async (purpose: SignPurpose) => {
    const { nonce } = await (await ask("POST", "/login/challenge")).json();
    return { nonce, signature: key.sign(textToSign(purpose, "registry.test", nonce)) };
  };
  const described = await registry.call("GET", "/api/v1/openapi.json");
  expect(await described.json()).toEqual(document());
  const unchanged = { headers: { "if-none-match": described.headers.get("etag") ?? "" } };
  expect((await registry.call("GET", "/api/v1/openapi.json", unchanged)).status).toBe(304);
  await ask("POST", "/users", { name: "olga", admin: false, identities: [] });
  await ask("GET", "/users");
  await ask("POST", "/namespaces", { name: "acme", private: false, owner: "olga" });
  await ask("PATCH", "/namespaces/acme", { private: true });
  await ask("GET", "/namespaces");
  await ask("PUT", "/namespaces/acme/members/root", { role: "member" });
  await ask("GET", "/namespaces/acme");
  await ask("DELETE", "/namespaces/acme/members/root");
  await ask("GET", "/namespaces/acme/audit?limit=5&before=100");
  await ask("GET", "/audit");
  await ask("PUT", `/users/olga/identities/${key.id}`);
  await ask("DELETE", `/users/olga/identities/${key.id}`);
  await ask("POST", "/identities", await signed("bind"));
  await ask("POST", "/login", { ...(await signed("sign in")), label: "laptop", expiresInS: 60 });
  await ask("DELETE", `/identities/${key.id}`);
  const token = await (await ask("POST", "/tokens", { scopes: ["read"], patterns: ["acme/*"], label: "ci" })).json();
  await ask("GET", "/tokens");
  const limited = await registry.addToken("root", { patterns: ["acme/*"], expiresAt: Date.now() + 60_000 });
  expect((await registry.asUser(limited, "GET", "/api/v1/whoami")).status).toBe(200);
  await ask("GET", "/whoami");
  await ask("DELETE", `/tokens/${token.id}`);
  const fields =
    "license: MIT\nrequires: {executors: [{type: local-executor}]}\ninputs: [{key: n, type: int}]\ndependencies:\n  acme/other: {version: ^1.0.0, when: '${inputs.n > 1}'}\n";
  const files = { name: "acme/tool", version: "1.0.0", readme: "# Tool", fields, payload: { "bin/a": "a" } };
  const { manifest, blobs } = await packageArtifact(files);
  for (const [digest, body] of blobs)
    await registry.asUser(admin, "POST", `/v2/acme/tool/blobs/uploads/?digest=${digest}`, { body });
  const headers = { "content-type": manifest.mediaType };
  for (const tag of ["1.0.0", "latest"])
    await registry.asUser(admin, "PUT", `/v2/acme/tool/manifests/${tag}`, { headers, body: formatManifest(manifest) });
  await ask("GET", "/search?q=tool&executor=local-executor&limit=1&offset=0");
  for (const view of ["", "/resolution"]) {
    const first = await ask("GET", `/packages/acme/tool${view}`);
    const known = { "if-none-match": first.headers.get("etag") ?? "" };
    await registry.asUser(admin, "GET", `/api/v1/packages/acme/tool${view}`, { headers: known });
  }
  for (const [path, body] of [
    ["versions/1.0.0/yank", { reason: "It loses data." }],
    ["versions/1.0.0/deprecation", { message: "Use another.", successor: "acme/other" }],
    ["deprecation", { message: "Use another." }],
  ] as const) {
    await ask("PUT", `/packages/acme/tool/${path}`, body);
    for (const view of ["", "/resolution"]) await ask("GET", `/packages/acme/tool${view}`);
    await ask("DELETE", `/packages/acme/tool/${path}`);
  }
  await ask("GET", "/changes?after=0&wait=0");
  const webhook = await (await ask("POST", "/namespaces/acme/webhooks", { url: "https://hooks.example/in" })).json();
  const path = `/namespaces/acme/webhooks/${webhook.id}`;
  await ask("GET", "/namespaces/acme/webhooks");
  const { delivery } = await (await ask("POST", `${path}/test`)).json();
  await ask("GET", `${path}/deliveries`);
  await ask("POST", `${path}/deliveries/${delivery}/redeliver`);
  await ask("DELETE", path);
  await ask("DELETE", "/users/olga");
  await registry.dispose();
  const all = Object.entries(apiOperations).flatMap(([route, { answers }]) =>
    Object.keys(answers).map((status) => `${route} ${status}`),
  );
  const missing = all.filter((which) => !describedAnswers.has(which) && !elsewhere.includes(which));
  expect(missing).toEqual([]);
});

test("what is not described is refused: parameters, keys of a body, and methods", async () => {
  const registry = await openRegistryWithUsers();
  const admin = await registry.addUser("root", true);
  const ask = async (method: string, path: string, body?: object) => {
    const options = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await registry.asUser(admin, method, `/api/v1${path}`, options);
    return [answer.status, (await answer.json()).errors[0].message];
  };
  expect(await ask("GET", "/search?keywrod=x")).toEqual([400, "there is no parameter keywrod; keyword was meant?"]);
  expect(await ask("GET", "/tokens?all=1")).toEqual([400, "there is no parameter all; none is taken"]);
  expect(await ask("POST", "/tokens", { scope: ["read"] })).toEqual([400, "the body has no scope; scopes was meant?"]);
  expect(await ask("PUT", "/search")).toEqual([405, "PUT is not supported here"]);
  expect(await ask("GET", "/tokens/x/y")).toEqual([404, "there is nothing at /api/v1/tokens/x/y"]);
  await registry.dispose();
});
