import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Identity } from "@cpm/colonies";
import type { RunningRegistry } from "@cpm/registry";
import { serveRegistry } from "@cpm/registry";
import { startCiIssuer } from "../registry/ci-issuer.ts";
import { cpmRegistry } from "../registry/command.ts";
import { writeSamplePackage } from "./sample-package.ts";
import type { CliRunOptions, Workplace } from "./workplace.ts";
import { openWorkplace } from "./workplace.ts";

const password = "correct horse battery";
const stranger = Identity.generate().exportPrivateKey();
let place: Workplace;
let registry: RunningRegistry;
let data: string;

const credentials = (): string => join(place.home, ".config/cpm/credentials.json");
const login = (argv: readonly string[], options: CliRunOptions = {}) =>
  place.cpm(["login", registry.host, ...argv], options);
const administer = async (...args: readonly string[]): Promise<void> => {
  const { exitCode, stderr } = await cpmRegistry([...args, "--data", data], `${password}\n`);
  expect([exitCode, stderr]).toEqual([0, ""]);
};

beforeAll(async () => {
  place = await openWorkplace();
  data = join(place.folder, "guarded");
  registry = serveRegistry({ dataDirectory: data, hostname: "127.0.0.1", port: 0 });
  await administer("user", "add", "ada", "--admin", "--password-stdin");
  await administer("namespace", "add", "team", "--private", "--owner", "ada");
});
afterAll(async () => {
  await registry.stop();
  await place.stop();
});

describe("cpm login", () => {
  test("binds a ColonyOS key once, and from then on needs no password, not even to publish", async () => {
    const before = await login([]);
    expect([before.status, before.stderr]).toEqual([
      2,
      expect.stringContaining("your ColonyOS key is not known there"),
    ]);
    const bound = await login(["-u", "ada", "--password-stdin", "--bind"], { stdin: `${password}\n` });
    expect([bound.status, bound.stderr]).toEqual([0, ""]);
    expect(readFileSync(credentials(), "utf8")).not.toContain(Buffer.from(`ada:${password}`).toString("base64"));
    rmSync(credentials());

    expect(await login(["--json"])).toMatchObject({
      status: 0,
      stdout: expect.stringContaining(`"username": "ada"`),
    });
    writeSamplePackage(place, "tool", "team/tool", "cli");
    const published = await place.cpm(["publish", "tool", "--registry", registry.host]);
    expect([published.status, published.stderr]).toEqual([0, expect.any(String)]);
  });

  test("with --key asks for nothing when the key is nobody's", async () => {
    rmSync(credentials(), { force: true });
    const { status, stderr } = await login(["--key"], { env: { COLONIES_PRVKEY: stranger } });
    expect([status, stderr]).toEqual([4, expect.stringContaining("cli/login-failed")]);
    expect(existsSync(credentials())).toBe(false);
  });

  test("in a CI job takes the job's identity for a token that publishes its package and no other", async () => {
    const ci = startCiIssuer();
    try {
      await administer(
        "publisher",
        "add",
        "ada",
        "--issuer",
        ci.issuer,
        "--claim",
        "sub=job",
        "--package",
        "team/made",
      );
      const asJob = (sub: string) =>
        login(["--id-token-stdin", "--package", "team/made"], { stdin: `${ci.idToken({ sub })}\n` });
      expect(await asJob("another")).toMatchObject({ status: 4, stdout: "" });
      expect(await asJob("job")).toMatchObject({ status: 0, stdout: `logged in to ${registry.host} as ada\n` });
      for (const [name, status] of [
        ["team/made", 0],
        ["team/taken", 5],
      ] as const) {
        const folder = name.slice("team/".length);
        writeSamplePackage(place, folder, name, "cli");
        expect((await place.cpm(["publish", folder, "--registry", registry.host])).status).toBe(status);
      }
    } finally {
      await ci.stop();
    }
  });

  test.each([
    [["--key", "-u", "ada"], "different ways"],
    [["--id-token-stdin"], "go together"],
    [["--package", "team/tool"], "go together"],
  ])("refuses %p", async (argv, message) => {
    const { status, stderr } = await login(argv);
    expect([status, stderr]).toEqual([2, expect.stringContaining(message)]);
  });
});
