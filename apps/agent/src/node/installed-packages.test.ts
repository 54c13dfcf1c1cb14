import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseDigest } from "@cpm/base";
import { isPackageName, readVersion } from "@cpm/model";
import { openNodeStore } from "@cpm/store";
import { systemSteadyClock } from "@cpm/system";
import { InstalledPackages } from "./installed-packages.ts";
import { LeaseBook } from "./lease-book.ts";

const root = mkdtempSync(join(tmpdir(), "cpm-installed-"));
afterAll(() => rmSync(root, { recursive: true }));

test("an exact version is found without a look at the others", () => {
  const store = openNodeStore(root);
  const leases = new LeaseBook(root, { now: () => 0, steady: systemSteadyClock() });
  const packages = new InstalledPackages(store, leases, () => 0);
  const [name, version, other] = ["a/b", readVersion("1.0.0"), readVersion("3.0.0")];
  if (!isPackageName(name) || version === undefined || other === undefined) throw new Error("they are");
  const tree = parseDigest(`sha256:${"a".repeat(64)}`);
  const folder = dirname(store.treePath(tree));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "tree.json"), "");
  store.setRef(name, version.text, tree);
  // No link, so whoever reads it as a reference fails.
  writeFileSync(join(root, "refs", name, "2.0.0"), "");
  expect(() => packages.find({ name, selector: { kind: "newest" } })).toThrow();
  expect(packages.find({ name, selector: { kind: "version", version } })).toMatchObject({ tree });
  expect(packages.find({ name, selector: { kind: "version", version: other } })).toBeUndefined();
});
