import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parsePackageName } from "@cpm/model";
import { alone, faultOf, MemoryRegistries, Scratch } from "../testing/packages.ts";
import { lintPackage } from "../package/lint-package.ts";
import { renderPackageAlone } from "../release/render-alone.ts";
import { scaffoldNames, scaffolds, writeScaffold } from "./scaffold.ts";

const scratch = new Scratch();
afterAll(() => scratch.remove());
const name = parsePackageName("rise/my-first");

describe("a new package", () => {
  test.each([...scaffoldNames])("%s has nothing wrong with it, and renders", async (kind) => {
    const root = scratch.fresh(kind);
    const written = writeScaffold(root, name, kind);
    expect(written).toContain("colony.yaml");
    expect(lintPackage(root).diagnostics).toEqual([]);
    const access = new MemoryRegistries().access(scratch);
    const release = { name: "my-first", colony: "dev" };
    const { documents } = await renderPackageAlone({ kind: "path", path: root }, [], release, { world: alone }, access);
    expect(documents.map((document) => (document["kind"] as string).toLowerCase())).toEqual([kind]);
    expect(documents[0]?.["name"]).toBe("my-first");
    for (const path of written.filter((entry) => entry.endsWith(".sh")))
      expect([path, statSync(join(root, path)).mode & 0o111]).toEqual([path, 0o111]);
    expect(scaffolds[kind].summary).not.toBe("");
  });

  test("goes into an empty directory, and into no other", async () => {
    const root = scratch.fresh();
    mkdirSync(root);
    writeScaffold(root, name, "function");
    expect(await faultOf(() => writeScaffold(root, name, "function"))).toMatchObject({
      code: "package/exists",
      message: `${root} is not empty`,
    });
    const file = scratch.fresh();
    writeFileSync(file, "x");
    expect((await faultOf(() => writeScaffold(file, name, "function"))).code).toMatch(/^(store|package)\//);
  });

  test("has scripts that run", () => {
    const root = scratch.fresh();
    writeScaffold(root, name, "workflow");
    const output = join(root, "output");
    const input = join(root, "input");
    writeFileSync(input, "[1,4,9]");
    const env = { ...process.env, CPM_OUTPUT: output, CPM_INPUT: input };
    expect(Bun.spawnSync([join(root, "payload/sum.sh")], { env }).stdout.toString()).toBe(
      "the sum of the squares is 14\n",
    );
  });
});
