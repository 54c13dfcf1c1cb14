import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { operationsErrors } from "./errors.ts";
import type { OperationsErrorCode } from "./errors.ts";

const root = join(import.meta.dir, "../../..");
const here = "packages/operations/src";
const colonies = "tests/src/operations";
const bundles = "tests/src/bundles/bundles.test.ts";
const tampering = "tests/src/bundles/tampering.test.ts";
const resolution = "tests/src/resolution/resolution.test.ts";
const withdrawals = "tests/src/resolution/withdrawals.test.ts";
const instances = `${here}/release/release-instances.test.ts`;
const placement = "tests/src/agent/placement.test.ts";
const standing = "tests/src/resolution/standing-releases.test.ts";

/** The test that brings each error about. */
const broughtAbout: Readonly<Record<OperationsErrorCode, string>> = {
  "package/no-manifest": `${here}/package/lint-package.test.ts`,
  "package/invalid": `${here}/package/lint-package.test.ts`,
  "package/not-found": `${here}/package/locate-package.test.ts`,
  "package/no-version": `${here}/package/locate-package.test.ts`,
  "package/no-registry": `${here}/package/locate-package.test.ts`,
  "package/version-exists": "tests/src/registry/backing/backing.contract.ts",
  "package/no-platform": `${here}/package/read-package.test.ts`,
  "package/not-a-package": `${here}/package/read-package.test.ts`,
  "package/template-file": `${here}/package/lint-package.test.ts`,
  "package/empty-payload": `${here}/package/lint-package.test.ts`,
  "package/undeclared-executor": `${here}/package/lint-package.test.ts`,
  "package/yanked": withdrawals,
  "package/deprecated": withdrawals,
  "package/dependency-cycle": `${here}/release/render-release.test.ts`,
  "package/single-instance": instances,
  "package/too-many-instances": instances,
  "package/needs-cpm": `${colonies}/failures.test.ts`,
  "package/exists": `${here}/scaffold/scaffold.test.ts`,
  "resolution/offline": resolution,
  "lock/digest-mismatch": resolution,
  "lock/out-of-date": resolution,
  "lock/missing": resolution,
  "lock/not-locked": `${here}/resolution/dependency-graph.test.ts`,
  "lock/other-registry": resolution,
  "lock/too-much-evidence": bundles,
  "bundle/not-found": bundles,
  "bundle/invalid": tampering,
  "bundle/damaged": tampering,
  "bundle/needs-base": bundles,
  "bundle/incomplete": tampering,
  "bundle/disagrees": tampering,
  "bundle/evidence-missing": bundles,
  "bundle/other-registry": bundles,
  "bundle/several-registries": bundles,
  "bundle/conflict": tampering,
  "bundle/partial": bundles,
  "plan/invalid": `${here}/release/plan-file.test.ts`,
  "plan/stale": `${here}/release/plan-file.test.ts`,
  "placement/no-agent": `${here}/placement/choose-nodes.test.ts`,
  "placement/selector": `${here}/placement/node-selector.test.ts`,
  "placement/several-roots": `${here}/placement/choose-nodes.test.ts`,
  "placement/several-platforms": `${here}/placement/plan-placement.test.ts`,
  "placement/not-published": `${here}/placement/plan-placement.test.ts`,
  "placement/failed": placement,
  "placement/damaged": placement,
  "placement/unanswered": placement,
  "colony/not-prepared": `${here}/release/next-revision.test.ts`,
  "colony/needs-owner": `${here}/release/colony-init.test.ts`,
  "colony/missing-executor": `${colonies}/failures.test.ts`,
  "colony/wrong-version": standing,
  "colony/definition-differs": `${here}/release/colony-init.test.ts`,
  "colony/name-taken": `${colonies}/failures.test.ts`,
  "release/exists": `${here}/release/next-revision.test.ts`,
  "release/busy": `${here}/release/next-revision.test.ts`,
  "release/taken-over": `${colonies}/silent-client.test.ts`,
  "release/name-needed": `${colonies}/failures.test.ts`,
  "release/not-found": `${colonies}/work.test.ts`,
  "release/needed": standing,
  "release/wait-timeout": `${colonies}/work.test.ts`,
  "release/interrupted": `${colonies}/failures.test.ts`,
  "release/leftovers": `${colonies}/failures.test.ts`,
  "release/record": `${here}/release/release-record.test.ts`,
};

test("every error is brought about by the test that is named here", () => {
  expect(Object.keys(broughtAbout).toSorted()).toEqual(Object.keys(operationsErrors).toSorted());
  for (const [code, path] of Object.entries(broughtAbout)) {
    expect([code, path, readFileSync(join(root, path), "utf8").includes(code)]).toEqual([code, path, true]);
  }
});

test("every error is made somewhere", () => {
  const sources = readdirSync(join(root, here), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts") && path !== "errors.ts")
    .map((path) => readFileSync(join(root, here, path), "utf8"))
    .join("\n");
  expect(Object.keys(operationsErrors).filter((code) => !sources.includes(`"${code}"`))).toEqual([]);
});
