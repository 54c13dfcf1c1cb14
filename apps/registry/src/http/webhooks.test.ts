import { afterAll, beforeAll, expect, test } from "bun:test";
import { codesOf, openRegistryWithUsers } from "../testing/index.ts";
import type { Credentials } from "../testing/index.ts";

const registry = await openRegistryWithUsers();
const by = { actor: "test", requestId: "test" };
const webhooks = "/api/v1/namespaces/acme/webhooks";
let olga: Credentials;
let otto: Credentials;

beforeAll(async () => {
  olga = await registry.addUser("olga");
  otto = await registry.addUser("otto");
  await registry.accounts.namespaces.add("acme", false, "olga", by);
  await registry.accounts.namespaces.add("other", false, "olga", by);
});
afterAll(() => registry.dispose());

const ask = (method: string, path: string, body?: unknown, who = olga) =>
  registry.asUser(who, method, path, body === undefined ? {} : { body: JSON.stringify(body) });
const add = (url: string, events?: readonly string[]) => ask("POST", webhooks, { url, events });

test("a webhook is made, listed without its secret, tested and removed by an owner", async () => {
  const made = await add("https://hooks.example/in?a=b", ["version.published"]);
  expect([made.status, made.headers.get("cache-control")]).toEqual([201, "no-store"]);
  const { secret, ...webhook } = await made.json();
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(webhook).toMatchObject({ url: "https://hooks.example/in?a=b", events: ["version.published"], failures: 0 });
  expect(await (await ask("GET", webhooks)).json()).toEqual({ webhooks: [webhook] });
  const path = `${webhooks}/${webhook.id}`;
  const tested = await ask("POST", `${path}/test`);
  const { delivery } = await tested.json();
  expect(tested.status).toBe(202);
  const { deliveries } = await (await ask("GET", `${path}/deliveries?limit=10`)).json();
  expect(deliveries).toMatchObject([{ id: delivery, kind: "webhook.test", state: "pending", attempts: 0 }]);
  expect((await ask("POST", `${path}/deliveries/${delivery}/redeliver`)).status).toBe(202);
  for (const wrong of ["999", "x", "1.5"])
    expect((await ask("POST", `${path}/deliveries/${wrong}/redeliver`)).status).toBe(404);
  expect((await ask("GET", `${path.replace("acme", "other")}/deliveries`)).status).toBe(404);
  expect((await ask("DELETE", path)).status).toBe(204);
  expect((await codesOf(await ask("DELETE", path))).own).toBe("registry-server/webhook-unknown");
});

test("all events are told of where none are named, and only those that there are", async () => {
  const { events, id } = await (await add("https://hooks.example/")).json();
  expect(events).toContain("namespace.hidden");
  await ask("DELETE", `${webhooks}/${id}`);
  const refused = await add("https://hooks.example/", ["version.published", "version.loved"]);
  expect([refused.status, (await codesOf(refused)).own]).toEqual([400, "registry-server/access-invalid"]);
});

test.each([
  "http://hooks.example/",
  "http://localhost/",
  "https://localhost/",
  "https://127.0.0.1/",
  "https://2130706433/",
  "https://[::1]/",
  "https://[::ffff:10.0.0.1]/",
  "https://10.0.0.1/",
  "https://169.254.169.254/latest/meta-data",
  "https://name:password@hooks.example/",
  "https://hooks.example/#part",
  "ftp://hooks.example/",
  "file:///etc/passwd",
  "hooks.example",
  `https://hooks.example/${"x".repeat(2000)}`,
])("does not lead to %s", async (url) => {
  const answer = await add(url);
  expect([answer.status, (await codesOf(answer)).own]).toEqual([400, "registry-server/access-invalid"]);
});

test("webhooks are for owners", async () => {
  const { id } = await (await add("https://hooks.example/")).json();
  for (const [method, path] of [
    ["GET", webhooks],
    ["POST", webhooks],
    ["DELETE", `${webhooks}/${id}`],
    ["POST", `${webhooks}/${id}/test`],
    ["GET", `${webhooks}/${id}/deliveries`],
    ["POST", `${webhooks}/${id}/deliveries/1/redeliver`],
  ] as const)
    expect([method, path, (await ask(method, path, undefined, otto)).status]).toEqual([method, path, 403]);
  const token = await registry.addToken("olga", { scopes: ["publish"] });
  expect((await ask("GET", webhooks, undefined, token)).status).toBe(403);
});
