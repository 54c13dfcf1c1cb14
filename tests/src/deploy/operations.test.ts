import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dir, "../../..");
const page = readFileSync(join(root, "docs/operations.md"), "utf8");

test("the page names every file of deploy, and none that is not there", () => {
  const files = readdirSync(join(root, "deploy"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".dockerignore"))
    .map((entry) => entry.name);
  expect(files.filter((name) => !page.includes(name))).toEqual([]);
  for (const [path] of page.matchAll(/deploy\/[a-z]+\/[\w.-]+\w/g)) expect(existsSync(join(root, path))).toBe(true);
});

test("the paths that it gives are those of the units", () => {
  const unit = (name: string) => readFileSync(join(root, "deploy/systemd", name), "utf8");
  const [, program = "", settings = "", packages = ""] =
    /^ExecStart=(\S+) serve --config (\S+) --root (\S+)$/m.exec(unit("cpm-agent.service")) ?? [];
  const [, socket = ""] = /^ListenStream=(.+)$/m.exec(unit("cpm-agent.socket")) ?? [];
  for (const path of [program, settings, packages, socket]) expect(page).toContain(`\`${path}\``);
});
