import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCli } from "./cli.ts";
import type { TestContextOptions } from "./testing/test-context.ts";
import { createTestContext } from "./testing/test-context.ts";
import { version } from "./version.ts";

const folder = mkdtempSync(join(tmpdir(), "cpm-cli-"));
beforeAll(() => {
  mkdirSync(join(folder, "faulty"));
  writeFileSync(
    join(folder, "faulty/colony.yaml"),
    "apiVersion: cpm/v1\nname: rise/faulty\nversion: 1.0.0\nlicence: X\n",
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(line: string, options: TestContextOptions = {}) {
  const context = createTestContext({ cwd: folder, env: { HOME: folder }, ...options });
  const status = await runCli(line === "" ? [] : line.split(" "), context);
  return { status, out: context.out(), err: context.err() };
}

test.each(["--version", "-V"])("%s prints the version alone", async (line) => {
  expect(await run(line)).toEqual({ status: 0, out: `${version}\n`, err: "" });
});

test.each(["", "--help", "-h", "help", "--json", "-q"])("%j is answered with the overview", async (line) => {
  const { status, out, err } = await run(line);
  expect([status, out.startsWith("cpm, the Colony Package Manager"), err]).toEqual([0, true, ""]);
});

test("a command's help is the same however it is asked for, also when the rest of the line is wrong", async () => {
  const { out } = await run("list --help");
  expect(out).toStartWith("List the releases of a colony.\n\nExamples:\n  cpm list\n");
  for (const line of ["help list", "list -h", "list --no-such --help x y"]) expect((await run(line)).out).toBe(out);
});

test("what stands behind -- is no flag", async () => {
  const { status, err } = await run("lint -- --help");
  expect([status, err]).toEqual([5, expect.stringContaining("there is no directory")]);
});

test("the flags of every command may stand before it, and --json decides how a wrong line is told", async () => {
  for (const line of ["--json lnit", "lnit --json", "lnit --json=true", "--quiet --json lnit"]) {
    const { status, err } = await run(line);
    expect([status, JSON.parse(err).error.code]).toEqual([2, "cli/unknown-command"]);
  }
  expect((await run("lint --no-json --no-such")).err).toStartWith("error: there is no option --no-such");
});

test("lint shows its findings on stdout and as its result, also when it is to be quiet", async () => {
  for (const line of ["lint faulty", "lint faulty -q"]) {
    const { status, out, err } = await run(line);
    expect([status, err]).toEqual([2, ""]);
    expect(out).toContain('error: unknown key "licence" [manifest/unknown-key]\n  4 | licence: X\n    | ^^^^^^^\n');
    expect(out).toEndWith("1 error, 0 warnings\n");
  }
});

describe("an interrupt", () => {
  const aborted = () => {
    const controller = new AbortController();
    controller.abort();
    return controller.signal;
  };
  test("is the reason for whatever it made fail", async () => {
    const env = { HOME: folder, CPM_REGISTRY: "127.0.0.1:1" };
    const { status, err } = await run("search --json", { signal: aborted(), env });
    expect([status, JSON.parse(err).error]).toEqual([
      130,
      expect.objectContaining({ code: "cli/interrupted", kind: "cancelled", hint: expect.stringContaining("again") }),
    ]);
  });
  test("changes nothing for what ends all the same", async () => {
    expect((await run("completion bash", { signal: aborted() })).status).toBe(0);
  });
});

test("a completion script is text, and a document for programs", async () => {
  const { out } = await run("completion bash");
  expect(JSON.parse((await run("completion bash --json")).out)).toEqual({ shell: "bash", script: out });
});

test("init asks only for what was not given", async () => {
  const asked = await run("init a", { terminal: true, stdin: "rise/a\n2\n" });
  expect(asked.err).toContain("Name of the package (local/a): ");
  expect(asked.out).toContain("rise/a in a: a workflow");
  const given = await run("init b --name rise/b --template cron", { terminal: true });
  expect([given.status, given.err]).toEqual([0, ""]);
  const piped = await run("init c");
  expect([piped.err, piped.out.split("\n")[0]]).toEqual([
    "",
    "local/c in c: one function that runs when the package is installed",
  ]);
});
