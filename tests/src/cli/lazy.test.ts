import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { commandTable } from "@cpm/cli";
import { cliPath } from "./workplace.ts";

const root = join(import.meta.dir, "../../..");
const folder = mkdtempSync(join(tmpdir(), "cpm-lazy-"));
const preload = join(folder, "trace.ts");
const trace = join(folder, "trace");

// Every module that is loaded, statically or later, passes an `onLoad` of the runtime's own plugin interface.
beforeAll(() =>
  writeFileSync(
    preload,
    `import { plugin } from "bun";
import { appendFileSync } from "node:fs";
plugin({
  name: "trace",
  setup(build) {
    build.onLoad({ filter: /\\.ts$/ }, async ({ path }) => {
      appendFileSync(${JSON.stringify(trace)}, path + "\\n");
      return { contents: await Bun.file(path).text(), loader: "ts" };
    });
  },
});
`,
  ),
);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function loadedBy(...argv: readonly string[]): readonly string[] {
  writeFileSync(trace, "");
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, "--preload", preload, cliPath, ...argv], {
    cwd: folder,
    env: { PATH: process.env["PATH"], HOME: folder },
  });
  if (exitCode !== 0) throw new Error(stderr.toString());
  return readFileSync(trace, "utf8")
    .trim()
    .split("\n")
    .map((path) => relative(root, path));
}

const light = /^(?:apps\/cli\/src\/|packages\/base\/src\/)/;

describe("what is loaded", () => {
  test.each(["--version", "--help", "help", "--version --json"])(
    "by cpm %s is the program itself and the base",
    (line) => {
      const loaded = loadedBy(...line.split(" "));
      expect(loaded).toContain("apps/cli/src/main.ts");
      expect(loaded.filter((path) => !light.test(path))).toEqual([]);
      expect(loaded.filter((path) => path.startsWith("apps/cli/src/commands/"))).toEqual([]);
    },
  );

  test.each(commandTable.map((entry) => entry.name))(
    "by cpm %s --help is its own file and no other command's",
    (name) => {
      const loaded = loadedBy(name, "--help");
      expect(loaded.filter((path) => !light.test(path))).toEqual([]);
      expect(loaded.filter((path) => path.startsWith("apps/cli/src/commands/"))).toEqual([
        `apps/cli/src/commands/${name}.ts`,
      ]);
    },
  );

  test("by a command that works with files alone is not the registry, the colony's server or the executor", () => {
    const loaded = loadedBy("init", "hello", "--name", "rise/hello", "--template", "cron");
    expect(loaded.filter((path) => path.startsWith("apps/") && !path.startsWith("apps/cli/"))).toEqual([]);
  });
});
