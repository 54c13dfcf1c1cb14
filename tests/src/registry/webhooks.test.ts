import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sendWebhook } from "@cpm/registry/testing";
import type { SendRules } from "@cpm/registry/testing";
import { cpmRegistry } from "./command.ts";
import { startRegistryProcess } from "./registry-process.ts";

interface Received {
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
}

const received: Received[] = [];
let onReceive = (): void => undefined;
const receiver = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  async fetch(request) {
    const { pathname } = new URL(request.url);
    received.push({ path: pathname, headers: request.headers, body: await request.text() });
    onReceive();
    if (pathname === "/redirect") return Response.redirect("/elsewhere", 307);
    if (pathname === "/silent") await new Promise(() => undefined);
    if (pathname === "/endless")
      return new Response(new ReadableStream({ pull: (stream) => stream.enqueue(new Uint8Array(65_536)) }));
    return new Response(null, { status: 204 });
  },
});
const certificate = (name: string): string =>
  readFileSync(join(import.meta.dir, `testdata/localhost.${name}.pem`), "utf8");
const secure = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  tls: { cert: certificate("cert"), key: certificate("key") },
  fetch: (request) => new Response(null, { status: request.headers.get("host")?.startsWith("localhost:") ? 200 : 400 }),
});
const scratch = mkdtempSync(join(tmpdir(), "cpm-webhooks-"));
afterAll(async () => {
  await Promise.all([receiver.stop(true), secure.stop(true)]);
  rmSync(scratch, { recursive: true, force: true });
});

describe("a message", () => {
  const never = new AbortController().signal;
  const send = (address: string, rules: Partial<SendRules> = {}, signal = never): Promise<number> =>
    sendWebhook(
      { url: new URL(address), headers: { "content-type": "application/json" }, body: "{}" },
      { privateAddresses: true, timeoutMs: 20_000, ...rules },
      signal,
    );
  const plain = `http://127.0.0.1:${receiver.port}`;

  test("goes nowhere but where it is sent: no redirect is followed", async () => {
    received.length = 0;
    expect(await send(`${plain}/redirect`)).toBe(307);
    expect(received.map(({ path }) => path)).toEqual(["/redirect"]);
  });

  test("does not go to a private network, by address or by name, before anything is connected", async () => {
    received.length = 0;
    for (const host of ["127.0.0.1", "localhost"])
      await expect(send(`http://${host}:${receiver.port}/in`, { privateAddresses: false })).rejects.toThrow(
        "the address is on a private network",
      );
    expect(received).toEqual([]);
  });

  test("is given up when no answer comes in time, and when the registry stops", async () => {
    await expect(send(`${plain}/silent`, { timeoutMs: 50 })).rejects.toThrow("there was no answer within 50 ms");
    const stopping = new AbortController();
    const sending = send(`${plain}/silent`, {}, stopping.signal);
    stopping.abort(new Error("stopping"));
    await expect(sending).rejects.toThrow("stopping");
  });

  test("is answered by a status alone: a body without end is not read", async () => {
    expect(await send(`${plain}/endless`)).toBe(200);
  });

  test("goes by TLS to whom the certificate is for, and to nobody else", async () => {
    const ca = certificate("cert");
    expect(await send(`https://localhost:${secure.port}/`, { ca })).toBe(200);
    await expect(send(`https://localhost:${secure.port}/`)).rejects.toThrow(/self.signed/i);
    await expect(send(`https://other.localhost:${secure.port}/`, { ca })).rejects.toThrow();
  });
});

test("a registry tells a webhook of what is published, also of one that was made beside it, and says what came of it", async () => {
  const data = join(scratch, "registry");
  const where = ["--data", data] as const;
  const run = async (...args: readonly string[]) => {
    const { exitCode, stdout, stderr } = await cpmRegistry([...args, ...where, "--json"], "a long password\n");
    expect([stderr, exitCode]).toEqual(["", 0]);
    return JSON.parse(stdout);
  };
  await run("user", "add", "olga", "--admin", "--password-stdin");
  await run("namespace", "add", "acme", "--owner", "olga");
  const address = `http://127.0.0.1:${receiver.port}/in`;
  const made = await run("webhook", "add", "acme", address, "--event", "tag.set");
  const args = ["--private-webhooks", "--open-metrics"];
  const registry = await startRegistryProcess(data, { open: false, args });
  received.length = 0;
  const arrived = (count: number) =>
    new Promise<void>((resolve) => {
      onReceive = () => (received.length >= count ? resolve() : undefined);
      onReceive();
    });
  const ask = (method: string, path: string, body?: string) =>
    fetch(`http://${registry.host}${path}`, {
      method,
      headers: { authorization: `Basic ${btoa("olga:a long password")}`, "content-type": index },
      ...(body === undefined ? {} : { body }),
    });
  const index = "application/vnd.oci.image.index.v1+json";
  const manifest = JSON.stringify({ schemaVersion: 2, mediaType: index, manifests: [] });
  expect((await ask("PUT", "/v2/acme/app/manifests/v1", manifest)).status).toBe(201);
  await arrived(1);
  expect(received[0]?.path).toBe("/in");
  expect(JSON.parse(received[0]?.body ?? "")).toMatchObject({ type: "tag.set", data: { name: "acme/app", tag: "v1" } });
  expect(received[0]?.headers.get("webhook-signature")).toStartWith("v1,");
  // Made by another process: it is found all the same.
  await run("webhook", "test", "acme", made.id);
  await arrived(2);
  const deliveries = async () =>
    (await (await ask("GET", `/api/v1/namespaces/acme/webhooks/${made.id}/deliveries`)).json()).deliveries;
  while ((await deliveries()).some(({ state }: { state: string }) => state === "pending")) await Bun.sleep(10);
  expect(await deliveries()).toMatchObject([
    { kind: "webhook.test", state: "delivered", attempts: 1, answer: "status 204" },
    { kind: "tag.set", state: "delivered", attempts: 1, answer: "status 204" },
  ]);
  const metrics = await (await fetch(`http://${registry.host}/metrics`)).text();
  for (const line of [
    "cpm_registry_webhook_deliveries_pending 0",
    'cpm_registry_webhook_attempts_total{outcome="delivered"} 2',
    "cpm_registry_webhooks_disabled 0",
  ])
    expect(metrics.split("\n")).toContain(line);
  expect(await run("webhook", "list", "acme")).toMatchObject({ webhooks: [{ id: made.id, failures: 0 }] });
  await run("webhook", "remove", "acme", made.id);
  await registry.end("SIGTERM");
}, 60_000);
