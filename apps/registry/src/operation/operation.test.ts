import { afterAll, describe, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeUtf8 } from "@cpm/base";
import { digestOf } from "@cpm/store";
import { openRegistry } from "../registry.ts";
import type { LogEntry } from "../registry-options.ts";
import { openRegistryUnderTest, openRegistryWithUsers } from "../testing/index.ts";
import { Metrics } from "./metrics.ts";
import { readTarget } from "../http/request-target.ts";
import { routeName } from "./route-name.ts";

const bytes = encodeUtf8("some bytes");
const digest = digestOf(bytes);

describe("metrics", () => {
  test("count requests by route and status, latencies, bytes and uploads", async () => {
    const registry = await openRegistryUnderTest();
    const { call } = registry;
    const push = `/v2/a/b/blobs/uploads/?digest=${digest}`;
    expect((await call("POST", push, { body: bytes })).status).toBe(201);
    await call("POST", "/v2/a/b/blobs/uploads/");
    for (let turn = 0; turn < 3; turn++) await call("GET", `/v2/a/b/blobs/${digest}`);
    await call("GET", `/v2/a/b/blobs/${digestOf(encodeUtf8("other"))}`);
    await call("OPTIONS", "/coffee");
    const response = await call("GET", "/metrics");
    expect(response.headers.get("content-type")).toStartWith("text/plain; version=0.0.4");
    const text = await response.text();
    for (const line of [
      'cpm_registry_requests_total{route="blob",method="GET",status="200"} 3',
      'cpm_registry_requests_total{route="blob",method="GET",status="404"} 1',
      'cpm_registry_requests_total{route="uploads",method="POST",status="201"} 1',
      'cpm_registry_requests_total{route="other",method="other",status="404"} 1',
      'cpm_registry_request_duration_seconds_count{route="blob"} 4',
      'cpm_registry_request_duration_seconds_bucket{route="blob",le="+Inf"} 4',
      `cpm_registry_received_bytes_total ${bytes.length}`,
      "cpm_registry_uploads_open 1",
      "cpm_registry_requests_in_flight 1",
    ])
      expect(text.split("\n")).toContain(line);
    expect(Number(/^cpm_registry_sent_bytes_total (\d+)$/m.exec(text)?.[1])).toBeGreaterThan(3 * bytes.length);
    for (const line of text.trim().split("\n"))
      expect(line).toMatch(/^(# (HELP|TYPE) .*|[a-z_]+(\{[a-zA-Z0-9_="+.,-]*\})? [0-9.e+-]+)$/);
    await registry.dispose();
  });

  test("fall into the buckets of their time, each of which holds those below it", () => {
    const metrics = new Metrics(0);
    for (const durationMs of [0.5, 1, 4, 700, 90_000]) {
      metrics.begin();
      metrics.end("blob", "GET", 200, durationMs, 0);
    }
    const text = metrics.format({ openUploads: 0, residentBytes: 0 });
    const buckets = [...text.matchAll(/_bucket\{route="blob",le="([^"]+)"\} (\d+)/g)].map(([, le, n]) => `${le}:${n}`);
    expect(buckets.join(" ")).toBe("0.001:2 0.005:3 0.01:3 0.05:3 0.1:3 0.5:3 1:4 5:4 30:4 +Inf:5");
  });

  test("are for users and their tokens, unless they are open", async () => {
    const closed = await openRegistryWithUsers();
    expect((await closed.call("GET", "/metrics")).status).toBe(401);
    await closed.addUser("prometheus");
    const { password } = await closed.addToken("prometheus", { scopes: ["read"] });
    const headers = { authorization: `Bearer ${password}` };
    expect((await closed.call("GET", "/metrics", { headers })).status).toBe(200);
    await closed.dispose();
    const open = await openRegistryWithUsers({ openMetrics: true });
    expect((await open.call("GET", "/metrics")).status).toBe(200);
    await open.dispose();
  });

  test.each([
    ["/v2/a/b/blobs/uploads/x", "upload"],
    ["/v2/_catalog", "catalog"],
    ["/v2/A/tags/list", "other"],
    ["/api/v1/packages/a/b", "package"],
    ["/api/v1/users", "account"],
    ["/constructor", "other"],
    ["/token", "token"],
  ])("%s is of the route %s", (path, route) => {
    expect(routeName(readTarget(`http://registry.test${path}`))).toBe(route);
  });
});

const healthy = await openRegistryUnderTest();
afterAll(() => healthy.dispose());

describe("health", () => {
  const ready = async () => {
    const response = await healthy.call("GET", "/readyz");
    return [response.status, (await response.json()).checks] as const;
  };

  test("is ready while the database and the blob directory are, and alive all the time", async () => {
    expect(await ready()).toEqual([200, { database: "ok", blobs: "ok", server: "ok" }]);
    rmSync(join(healthy.dataDirectory, "uploads"), { recursive: true });
    expect(await ready()).toEqual([503, expect.objectContaining({ blobs: expect.stringContaining("ENOENT") })]);
    const database = new Database(join(healthy.dataDirectory, "registry.db"));
    database.run("ALTER TABLE uploads RENAME TO lost");
    expect((await ready())[1].database).toContain("no such table");
    database.run("ALTER TABLE lost RENAME TO uploads");
    database.close();
    expect((await healthy.call("GET", "/livez")).status).toBe(200);
  });

  test("is not ready once it is stopping", async () => {
    const stopping = await openRegistryUnderTest();
    stopping.drain();
    const response = await stopping.call("GET", "/readyz");
    expect([response.status, (await response.json()).checks.server]).toEqual([503, "stopping"]);
    expect((await stopping.call("GET", "/v2/")).status).toBe(200);
    await stopping.dispose();
  });
});

test("the log is told what is to be logged, and the address is asked for where somebody sends or is told of", async () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), "cpm-registry-"));
  const entries: LogEntry[] = [];
  const log = (entry: LogEntry): void => void entries.push(entry);
  const registry = await openRegistry({ dataDirectory, access: "open", log, logged: (status) => status === 404 });
  let asked = 0;
  const call = (method: string, path: string) =>
    registry.fetch(new Request(`http://registry.test${path}`, { method }), () => `10.0.0.${++asked}`);
  expect((await call("GET", "/v2/")).status).toBe(200);
  expect([asked, entries.length]).toEqual([0, 0]);
  expect((await call("POST", "/v2/a/b/blobs/uploads/")).status).toBe(202);
  expect([asked, entries.length]).toEqual([1, 0]);
  expect((await call("GET", "/v2/a/b/manifests/none")).status).toBe(404);
  expect(entries).toMatchObject([{ status: 404, address: "10.0.0.2", path: "/v2/a/b/manifests/none" }]);
  await registry.close();
  rmSync(dataDirectory, { recursive: true });
});

test("the log says who asked for what, under the id that the client was given", async () => {
  const registry = await openRegistryWithUsers();
  const olga = await registry.addUser("olga");
  const answer = await registry.asUser(olga, "GET", "/v2/nowhere/at/all/tags/list");
  const token = await registry.addToken("olga");
  const { id } = (await registry.accounts.tokens.list("olga"))[0] ?? {};
  await registry.asUser(token, "GET", "/v2/");
  await registry.call("GET", "/v2/");
  expect(registry.log).toMatchObject([
    { requestId: answer.headers.get("x-request-id"), route: "tags", status: 404, actor: "olga", address: "unknown" },
    { route: "base", status: 200, actor: `olga/${id}` },
    { route: "base", status: 401, actor: "anonymous" },
  ]);
  expect(JSON.stringify(registry.log)).not.toContain(token.password);
  await registry.dispose();
});
