import { afterAll, describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serveRegistry } from "@cpm/registry";
import type { LogEntry } from "@cpm/registry";
import { digestOf } from "@cpm/store";
import { cpmRegistry } from "./command.ts";
import { startRegistryProcess } from "./registry-process.ts";
import { someBytes } from "./testing.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-operation-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
/** Made for these tests, and of no other use. */
const cert = join(import.meta.dir, "testdata/localhost.cert.pem");
const key = join(import.meta.dir, "testdata/localhost.key.pem");

describe("a registry that is told to stop", () => {
  const bytes = someBytes(200_000);

  test("finishes the request that runs, and an upload goes on in the next process", async () => {
    const data = join(scratch, "finish");
    const first = await startRegistryProcess(data);
    const begun = await fetch(`http://${first.host}/v2/test/stop/blobs/uploads/`, { method: "POST" });
    const location = begun.headers.get("location") ?? "";
    const client = slowPatch(first.host, location, bytes.length / 2);
    client.send(bytes.slice(0, 50_000));
    await untilStandsAt(first.host, location, 50_000);
    const ended = first.end("SIGTERM");
    client.send(bytes.slice(50_000, 100_000));
    expect(await client.answer).toMatch(/^HTTP\/1\.1 202 /);
    expect(await ended).toEqual({ exitCode: 0, signalCode: null });
    await finishElsewhere(data, location, 100_000);
  }, 60_000);

  test("ends what takes too long, and keeps what came of it", async () => {
    const data = join(scratch, "cut");
    const first = await startRegistryProcess(data, { args: ["--grace", "200ms"] });
    const begun = await fetch(`http://${first.host}/v2/test/stop/blobs/uploads/`, { method: "POST" });
    const location = begun.headers.get("location") ?? "";
    const client = slowPatch(first.host, location, bytes.length);
    client.send(bytes.slice(0, 70_000));
    await untilStandsAt(first.host, location, 70_000);
    expect(await first.end("SIGTERM")).toEqual({ exitCode: 0, signalCode: null });
    expect(await client.answer).not.toMatch(/^HTTP\/1\.1 2/);
    await finishElsewhere(data, location, 70_000);
  }, 60_000);

  async function finishElsewhere(data: string, location: string, standsAt: number): Promise<void> {
    const next = await startRegistryProcess(data);
    try {
      const status = await fetch(`http://${next.host}${location}`);
      expect(status.headers.get("range")).toBe(`0-${standsAt - 1}`);
      const put = await fetch(`http://${next.host}${location}?digest=${digestOf(bytes)}`, {
        method: "PUT",
        headers: { "content-range": `${standsAt}-${bytes.length - 1}` },
        body: bytes.slice(standsAt),
      });
      expect(put.status).toBe(201);
    } finally {
      await next.end("SIGTERM");
    }
  }
});

describe("TLS", () => {
  test("is served in the process, with realm and endpoint to match", async () => {
    const data = join(scratch, "tls");
    const registry = await startRegistryProcess(data, { open: false, args: ["--tls-cert", cert, "--tls-key", key] });
    try {
      const ca = readFileSync(cert, "utf8");
      const response = await fetch(`https://${registry.host}/v2/`, { tls: { ca } });
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toContain(`realm="https://${registry.host}/token"`);
    } finally {
      await registry.end("SIGTERM");
    }
  });

  test("with a key of another certificate is refused at the start", async () => {
    const other = join(scratch, "other.pem");
    writeFileSync(other, generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }));
    for (const [one, two] of [
      [cert, other],
      [key, cert],
      [cert, join(scratch, "none.pem")],
    ] as const) {
      const args = ["serve", "--data", join(scratch, "no-tls"), "--tls-cert", one, "--tls-key", two];
      const { exitCode, stderr } = await cpmRegistry(args);
      expect([exitCode, stderr]).toEqual([6, expect.stringContaining("[registry-server/tls]")]);
    }
  });
});

describe("behind a proxy", () => {
  test("the address is the last that was forwarded, and only where the proxy is trusted", async () => {
    for (const trustProxy of [true, false]) {
      const entries: LogEntry[] = [];
      const registry = await serveRegistry({
        dataDirectory: join(scratch, `proxy-${trustProxy}`),
        hostname: "127.0.0.1",
        port: 0,
        trustProxy,
        publicUrl: "https://packages.example.org",
        log: (entry) => entries.push(entry),
      });
      const headers = { "x-forwarded-for": "1.1.1.1, 203.0.113.9" };
      const response = await fetch(`${registry.endpoint}/v2/`, { headers });
      await registry.stop();
      expect(response.headers.get("www-authenticate")).toContain('realm="https://packages.example.org/token"');
      expect(entries.map(({ address }) => address)).toEqual([trustProxy ? "203.0.113.9" : "127.0.0.1"]);
    }
  });
});

describe("cpm-registry config check", () => {
  test("shows every setting with its source, and what is missing", async () => {
    const config = join(scratch, "registry.yaml");
    writeFileSync(config, "publicUrl: https://packages.example.org\nlog: requests\n");
    const env = { CPM_REGISTRY_DATA: join(scratch, "check"), CPM_REGISTRY_LOGS: "off" };
    const { exitCode, stdout } = await cpmRegistry(["config", "check", "--config", config, "--json"], "", env);
    expect(exitCode).toBe(0);
    const { settings, notes } = JSON.parse(stdout);
    expect(settings.publicUrl).toEqual({ text: "https://packages.example.org", source: config });
    expect(settings.data.source).toBe("CPM_REGISTRY_DATA");
    expect(notes.join("\n")).toContain("cpm-registry user add NAME --admin --data");
    expect(notes.join("\n")).toContain("CPM_REGISTRY_LOGS is set and is none");
    await cpmRegistry(["user", "add", "root", "--admin", "--no-password"], "", env);
    const clean = await cpmRegistry(["config", "check", "--config", config], "", { ...env, CPM_REGISTRY_LOGS: "" });
    expect(clean.stdout).not.toContain("user add");
    const open = await cpmRegistry(["config", "check", "--open"], "", env);
    expect(open.stdout).toContain("serve would refuse to open it");
  });

  test.each([
    [["--data", "x", "--listen", "0.0.0.0:5000", "--open"], 6],
    [["--data", "x", "--grace", "never"], 2],
    [["--data", "x", "--config", "/nowhere.yaml"], 2],
    [[], 2],
  ])("%j fails as serve would", async (args, status) => {
    const check = await cpmRegistry(["config", "check", ...args]);
    const serve = await cpmRegistry(["serve", ...args]);
    expect([check.exitCode, serve.exitCode]).toEqual([status, status]);
    expect(check.stderr).toBe(serve.stderr);
  });
});

/** A PATCH whose body is sent piece by piece. */
function slowPatch(host: string, location: string, sizeBytes: number) {
  const [hostname = "", port = ""] = host.split(":");
  const socket = connect(Number(port), hostname);
  const { promise, resolve } = Promise.withResolvers<string>();
  let text = "";
  socket.on("data", (piece) => {
    text += piece.toString();
    if (text.includes("\r\n\r\n")) socket.end();
  });
  socket.once("close", () => resolve(text));
  socket.once("error", () => resolve(text));
  socket.write(`PATCH ${location} HTTP/1.1\r\nhost: ${host}\r\ncontent-length: ${sizeBytes}\r\n\r\n`);
  return { answer: promise, send: (bytes: Uint8Array) => void socket.write(bytes) };
}

async function untilStandsAt(host: string, location: string, sizeBytes: number): Promise<void> {
  for (let turn = 0; turn < 1000; turn++) {
    const status = await fetch(`http://${host}${location}`);
    if (status.headers.get("range") === `0-${sizeBytes - 1}`) return;
    await Bun.sleep(5);
  }
  throw new Error(`the upload never stood at ${sizeBytes}`);
}
