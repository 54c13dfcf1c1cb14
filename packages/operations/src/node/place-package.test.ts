import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseDigest } from "@cpm/base";
import { openNodeStore } from "@cpm/store";
import type { OperationProgress } from "../progress.ts";
import { readPackage } from "../package/read-package.ts";
import type { PackageVariant } from "../package/read-package.ts";
import { faultOf, manifest, Scratch } from "../testing/packages.ts";
import { placePackage } from "./place-package.ts";

const scratch = new Scratch();
let variant: PackageVariant;
beforeAll(async () => {
  const packed = await scratch.pack({
    "colony.yaml": manifest("a/placed", "1.0.0", 'payload: [{include: ["bin/**"]}]\n'),
    "bin/run.sh": "#!/bin/sh\n",
  });
  variant = await readPackage(packed.store, packed.root, undefined);
});
afterAll(() => scratch.remove());

describe("placing a package", () => {
  test("puts its files and its version on the node, and does nothing the second time", async () => {
    const node = openNodeStore(scratch.fresh("node"));
    const told: OperationProgress[] = [];
    const placed = await placePackage(variant, node, (item) => told.push(item));
    expect(placed).toEqual({ path: node.treePath(variant.config.tree), present: false });
    expect(readFileSync(join(placed.path, "bin/run.sh"), "utf8")).toBe("#!/bin/sh\n");
    expect(node.resolveRef("a/placed", "1.0.0")).toBe(placed.path);
    expect(told.at(-1)).toMatchObject({ state: "in place", finished: true });
    const total = variant.layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    expect(told.filter(({ doneBytes }) => doneBytes !== undefined).at(-1)).toMatchObject({
      doneBytes: total,
      totalBytes: total,
    });

    const again: OperationProgress[] = [];
    const reads: string[] = [];
    const source = {
      ...variant.source,
      read: (content: { digest: string }) => (reads.push(content.digest), [] as never),
    };
    const second = await placePackage({ ...variant, source }, node, (item) => again.push(item));
    expect([second.present, reads, again.at(-1)?.state]).toEqual([true, [], "in place already"]);
  });

  test("several at once is placing one", async () => {
    const node = openNodeStore(scratch.fresh("node"));
    const placed = await Promise.all(Array.from({ length: 5 }, () => placePackage(variant, node, () => {})));
    expect(placed.filter(({ present }) => !present)).toHaveLength(1);
  });

  test("whose files are not what it declares leaves nothing", async () => {
    const node = openNodeStore(scratch.fresh("node"));
    const config = { ...variant.config, tree: parseDigest(`sha256:${"0".repeat(64)}`) };
    expect((await faultOf(() => placePackage({ ...variant, config }, node, () => {}))).code).toBe("node/tree-mismatch");
    expect(existsSync(node.treePath(config.tree))).toBe(false);
    expect(node.resolveRef("a/placed", "1.0.0")).toBeUndefined();
    const short = { ...variant.config, layers: variant.config.layers.slice(0, 1) };
    expect(await faultOf(() => placePackage({ ...variant, config: short }, node, () => {}))).toMatchObject({
      code: "package/not-a-package",
      message: "a/placed: a layer is not declared in the config",
    });
  });
});
