import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "@cpm/store";
import { writeSamplePackage } from "../cli/sample-package.ts";
import { openWorkplace } from "../cli/workplace.ts";
import type { Workplace } from "../cli/workplace.ts";
import { startDockerRegistry } from "./backing/backing-registry.ts";
import type { BackingRegistry } from "./backing/backing-registry.ts";
import { crane } from "./clients/crane.ts";
import { oras } from "./clients/oras.ts";
import type { RegistryTool } from "./clients/registry-tool.ts";
import { startFaultProxy } from "./fault-proxy.ts";
import { startRegistryProcess } from "./registry-process.ts";
import type { RegistryProcess } from "./registry-process.ts";
import { someBytes } from "./testing.ts";

/** A cold build on a busy machine. */
const installTimeoutMs = 15 * 60_000;
const scratch = mkdtempSync(join(tmpdir(), "cpm-mirror-packages-"));
const running: RegistryProcess[] = [];
let place: Workplace;

beforeAll(async () => {
  place = await openWorkplace();
  await place.addIdleExecutor("local-executor");
  writeSamplePackage(place, "sample", "rise/sample", "local-executor");
});
afterAll(async () => {
  for (const process of running) await process.end("SIGTERM");
  await place.stop();
  rmSync(scratch, { recursive: true, force: true });
});

async function startMirror(data: string, upstream: string, environment: Record<string, string> = {}) {
  const args = ["--mirror", `rise=http://${upstream}`, "--mirror-fresh", "1ms", "--log", "off"];
  const mirror = await startRegistryProcess(join(scratch, data), { args, environment });
  running.push(mirror);
  return mirror;
}

/** As somebody who has nothing yet: no package, and no listing. */
const cpm = (registry: string, home: string, argv: readonly string[]) => {
  const folder = join(place.home, home);
  const env = { CPM_REGISTRY: registry, CPM_PACKAGES: join(folder, "packages"), XDG_CACHE_HOME: join(folder, "cache") };
  return place.cpm(argv, { env });
};

async function succeeds(run: Promise<{ status: number; stdout: string; stderr: string }>) {
  const { status, stdout, stderr } = await run;
  expect([status, stderr]).toEqual([0, expect.any(String)]);
  return stdout;
}

describe("packages through a mirror of another cpm-registry", () => {
  test("are resolved and installed, after the end of their registry too, and are published there only", async () => {
    const proxy = await startFaultProxy(place.registry.host);
    const mirror = await startMirror("indexed", proxy.host);
    await succeeds(place.cpm(["publish", "sample"]));
    expect(await succeeds(cpm(mirror.host, "first", ["resolve", "rise/sample"]))).toContain("1.0.0");
    expect(await succeeds(cpm(mirror.host, "first", ["info", "rise/sample"]))).toContain("1.0.0");
    await succeeds(cpm(mirror.host, "first", ["install", "rise/sample", "--name", "through-mirror"]));
    // The same again would change nothing, and is done.
    writeSamplePackage(place, "another", "rise/another", "local-executor");
    const refused = await cpm(mirror.host, "first", ["publish", "another", "--json"]);
    expect([refused.status, JSON.parse(refused.stderr).error.code]).toEqual([7, "registry/denied"]);
    expect(JSON.parse(refused.stderr).error.hint).toContain("Publish, yank and delete there");
    proxy.stop();
    await succeeds(cpm(mirror.host, "second", ["install", "rise/sample", "--name", "without-upstream"]));
  }, 120_000);
});

describe("a mirror of docker-registry 2.8, which wants a password", () => {
  let backing: BackingRegistry;
  let mirror: RegistryProcess;
  const tools: RegistryTool[] = [];
  beforeAll(async () => {
    backing = await startDockerRegistry();
    const { host, username, password } = backing;
    // A space in a variable would begin another entry: such a password stands in the settings file.
    const file = join(scratch, "mirror.yaml");
    await Bun.write(file, JSON.stringify({ mirrorCredentials: [`${host}=${username}:${password}`] }));
    mirror = await startMirror("plain", host, { CPM_REGISTRY_CONFIG: file });
  }, installTimeoutMs);
  afterAll(async () => {
    for (const tool of tools) tool.close();
    await backing.stop();
  });

  test("shows packages that cpm resolves and installs, though there is no index", async () => {
    const login = ["login", backing.host, "-u", backing.username, "--password-stdin"];
    await succeeds(place.cpm(login, { stdin: `${backing.password}\n` }));
    await succeeds(place.cpm(["publish", "sample"], { env: { CPM_REGISTRY: backing.host } }));
    expect(await succeeds(cpm(mirror.host, "plain", ["resolve", "rise/sample"]))).toContain("1.0.0");
    expect(await succeeds(cpm(mirror.host, "plain", ["info", "rise/sample"]))).toContain("1.0.0");
    await succeeds(cpm(mirror.host, "plain", ["install", "rise/sample", "--name", "from-plain"]));
  }, 120_000);

  test.each([oras, crane])(
    "is pulled from with $name, and refuses what it pushes",
    async ({ name, install }) => {
      const open = await install();
      const [there, here] = [open(), open()];
      tools.push(there, here);
      const content = someBytes(200_000, name.length);
      const reference = `rise/${name}:1.0.0`;
      await there.login(backing.host, backing.username, backing.password);
      expect((await there.push(`${backing.host}/${reference}`, content)).exitCode).toBe(0);
      for (let turn = 0; turn < 2; turn++) {
        const { exitCode, output, content: pulled } = await here.pull(`${mirror.host}/${reference}`);
        expect([exitCode, output]).toEqual([0, expect.any(String)]);
        expect(pulled === undefined ? "nothing" : digestOf(pulled)).toBe(digestOf(content));
      }
      const refused = await here.push(`${mirror.host}/rise/${name}:2.0.0`, content);
      expect(refused.exitCode).not.toBe(0);
      expect(refused.output).toContain("is a mirror of");
    },
    installTimeoutMs,
  );
});
