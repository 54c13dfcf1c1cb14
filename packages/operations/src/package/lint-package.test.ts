import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { faultOf, manifest, Scratch } from "../testing/packages.ts";
import { lintPackage, readPackageDirectory } from "./lint-package.ts";

const scratch = new Scratch();
afterAll(() => scratch.remove());

const call = (more = ""): string =>
  `kind: Function\nname: f\nspec: {funcname: f, conditions: {executortype: worker}, maxexectime: 5${more}}\n`;
const worker = "requires: {executors: [{type: worker}]}\n";

function codesOf(files: Readonly<Record<string, string>>): readonly string[] {
  return lintPackage(scratch.write(files)).diagnostics.map(({ code, severity }) => `${severity} ${code}`);
}

describe("lint", () => {
  test("finds nothing wrong with a good package, and answers it", () => {
    const root = scratch.write({
      "colony.yaml": manifest("a/b", "1.0.0", `${worker}payload: [{include: ["bin/**"]}]\n`),
      "templates/f.yaml": call(),
      "bin/run.sh": "#!/bin/sh\n",
      "README.md": "hello",
      LICENSE: "none",
      "not-packed.txt": "x",
    });
    const { diagnostics, directory } = lintPackage(root);
    expect(diagnostics).toEqual([]);
    expect(directory?.packageFiles.map(({ path }) => path)).toEqual([
      "LICENSE",
      "README.md",
      "colony.yaml",
      "templates",
      "templates/f.yaml",
    ]);
    expect(directory?.payload.map(({ platform, files }) => [platform, files.map(({ path }) => path)])).toEqual([
      [undefined, ["bin", "bin/run.sh"]],
    ]);
  });

  test.each<[string, Readonly<Record<string, string>>, readonly string[]]>([
    ["an unknown key", { "colony.yaml": manifest("a/b", "1.0.0", "verison: 2\n") }, ["error manifest/unknown-key"]],
    [
      "a payload rule without a file",
      { "colony.yaml": manifest("a/b", "1.0.0", 'payload: [{include: ["bin/**"]}]\n') },
      ["error package/empty-payload"],
    ],
    [
      "a payload rule that would take package files only",
      { "colony.yaml": manifest("a/b", "1.0.0", 'payload: [{include: ["README.md"]}]\n'), "README.md": "x" },
      ["error package/empty-payload"],
    ],
    [
      "another file among the templates",
      { "colony.yaml": manifest("a/b", "1.0.0"), "templates/notes.txt": "x" },
      ["error package/template-file"],
    ],
    [
      "a template that is too large",
      { "colony.yaml": manifest("a/b", "1.0.0"), "templates/big.yaml": `# ${"x".repeat(1024 * 1024)}\n` },
      ["error package/template-file"],
    ],
    [
      "an executor that is not declared",
      { "colony.yaml": manifest("a/b", "1.0.0"), "templates/f.yaml": call() },
      ["warning package/undeclared-executor"],
    ],
    [
      "a blueprint with the name of a revision",
      {
        "colony.yaml": manifest("a/b", "1.0.0"),
        "templates/b.yaml": "kind: Blueprint\nname: v7\nspec: {kind: K, spec: {}}\n",
      },
      ["error resource/reserved"],
    ],
    [
      "an input that no template reads",
      { "colony.yaml": manifest("a/b", "1.0.0", "inputs: [{key: unused, type: string}]\n") },
      ["warning template/unused-input"],
    ],
  ])("tells %s", (_what, files, codes) => {
    expect(codesOf(files)).toEqual(codes);
  });

  test("tells everything at once, with what to do", () => {
    const root = scratch.write({
      "colony.yaml": manifest("a/b", "1.0.0", 'payload: [{include: ["x/**"]}]\ndependencies: {a/c: "1.x"}\n'),
      "templates/notes.txt": "x",
    });
    const { diagnostics, directory } = lintPackage(root);
    expect(directory).toBeUndefined();
    expect(diagnostics.map(({ code }) => code).toSorted()).toEqual(["package/empty-payload", "package/template-file"]);
    expect(diagnostics.every(({ hint }) => hint !== undefined && hint !== "")).toBe(true);
  });

  test("an exact dependency that templates read by its alias is fine", () => {
    const dependencies = "dependencies: {a/c: {version: 1.2.0, alias: c}}\n";
    const files = {
      "colony.yaml": manifest("a/b", "1.0.0", worker + dependencies),
      "templates/f.yaml": call(', env: {TOOLS: "${deps.c.path}"}'),
    };
    expect(codesOf(files)).toEqual([]);
  });

  test("what a dependency gives out is not known, and not the author's fault", () => {
    const files = {
      "colony.yaml": manifest("a/b", "1.0.0", `${worker}dependencies: {a/c: 1.2.0}\n`),
      "templates/f.yaml": call(", env: {WORD: \"${deps['a/c'].outputs.word}\"}"),
    };
    expect(codesOf(files)).toEqual([]);
  });

  test("what fails only for an invented value is not the author's fault", () => {
    const inputs = "inputs: [{key: index, type: int}]\n";
    const template = call(', args: ["${["a", "b"][inputs.index + 5]}"]').replaceAll('"a", "b"', "'a', 'b'");
    expect(codesOf({ "colony.yaml": manifest("a/b", "1.0.0", worker + inputs), "templates/f.yaml": template })).toEqual(
      [],
    );
    const given = inputs.replace("int}", "int, default: 1}");
    expect(codesOf({ "colony.yaml": manifest("a/b", "1.0.0", worker + given), "templates/f.yaml": template })).toEqual([
      "error template/evaluation",
    ]);
  });
});

describe("a package directory", () => {
  test("that is none says what is missing", async () => {
    const empty = scratch.fresh();
    mkdirSync(empty);
    expect(await faultOf(() => readPackageDirectory(empty))).toMatchObject({
      code: "package/no-manifest",
      message: `${empty} has no colony.yaml`,
    });
    expect(await faultOf(() => readPackageDirectory(join(empty, "not")))).toMatchObject({
      code: "package/no-manifest",
      message: `there is no directory ${join(empty, "not")}`,
    });
  });

  test("with faults is refused with the faults and without the warnings", async () => {
    const root = scratch.write({
      "colony.yaml": manifest("a/b", "1.0.0", 'payload: [{include: ["x/**"]}]\n'),
      "templates/f.yaml": call(),
    });
    const fault = await faultOf(() => readPackageDirectory(root));
    expect([fault.code, fault.diagnostics.map(({ code }) => code)]).toEqual([
      "package/invalid",
      ["package/empty-payload"],
    ]);
  });

  test("files of one platform are not in the layer for all of them", () => {
    const root = scratch.write({
      "colony.yaml": manifest(
        "a/b",
        "1.0.0",
        `payload:
  - {include: ["bin/**", "data/**"], exclude: ["**/*.tmp"]}
  - {include: ["bin/linux-amd64/**"], platform: linux/amd64}
  - {include: ["bin/linux-arm64/**"], platform: linux/arm64}
`,
      ),
      "bin/linux-amd64/run": "1",
      "bin/linux-arm64/run": "2",
      "bin/any.sh": "3",
      "data/a.txt": "4",
      "data/a.tmp": "5",
    });
    const payload = readPackageDirectory(root).directory.payload.map(({ platform, files }) => [
      platform ?? "all",
      ...files.filter(({ type }) => type === "file").map(({ path }) => path),
    ]);
    expect(payload).toEqual([
      ["all", "bin/any.sh", "data/a.txt"],
      ["linux/amd64", "bin/linux-amd64/run"],
      ["linux/arm64", "bin/linux-arm64/run"],
    ]);
  });

  test("what versioning and installers keep beside a package is never payload", () => {
    const root = scratch.write({
      "colony.yaml": manifest("a/b", "1.0.0", 'payload: [{include: ["**"]}]\n'),
      ".git/HEAD": "x",
      "node_modules/m/index.js": "x",
      "old.cpm": "x",
      "kept.txt": "x",
      ".hidden": "x",
    });
    const files = readPackageDirectory(root).directory.payload.flatMap((group) => group.files.map(({ path }) => path));
    expect(files).toEqual([".hidden", "kept.txt"]);
  });

  test("a pipe that no rule takes is not in the way, and one that is taken is refused", async () => {
    const root = scratch.write({
      "colony.yaml": manifest("a/b", "1.0.0", 'payload: [{include: ["bin/**"]}]\n'),
      "bin/a": "x",
      ".git/HEAD": "x",
    });
    expect(Bun.spawnSync(["mkfifo", join(root, ".git/daemon.ipc")]).exitCode).toBe(0);
    expect(lintPackage(root).diagnostics).toEqual([]);
    expect(Bun.spawnSync(["mkfifo", join(root, "bin/pipe")]).exitCode).toBe(0);
    expect((await faultOf(() => lintPackage(root))).code).toBe("pack/unsupported-file");
  });

  test("a link out of the tree is refused when it is packed", async () => {
    const root = scratch.write({ "colony.yaml": manifest("a/b", "1.0.0", 'payload: [{include: ["bin/**"]}]\n') });
    mkdirSync(join(root, "bin"));
    symlinkSync("/etc/passwd", join(root, "bin/passwd"));
    const { packPackage } = await import("./pack-package.ts");
    const fault = await faultOf(() => packPackage(readPackageDirectory(root).directory, scratch.fresh()));
    expect(fault.code).toMatch(/^(pack|archive)\//);
  });
});
