import { expect, test } from "bun:test";
import { join } from "node:path";
import { exitStatus, exitStatuses } from "@cpm/base";
import { duplicateCodes, gatherErrorTables } from "./docs/error-tables.ts";
import type { NamedErrorTable } from "./docs/error-tables.ts";
import { readWorkspace } from "./ladder.ts";

const root = join(import.meta.dir, "../..");
const tables = await gatherErrorTables(root);

test("every package's errors are gathered", () => {
  const { sources } = readWorkspace(root);
  const declared = sources.flatMap(({ path, text }) =>
    [...text.matchAll(/^export const (\w+Errors)\b[^;(]*?= \{$/gm)].map((match) => `${path} ${match[1] ?? ""}`),
  );
  expect(declared.length).toBeGreaterThan(10);
  expect(tables.map(({ path, name }) => `${path} ${name}`).toSorted()).toEqual(declared.toSorted());
});

test("a code stands in one table only", () => {
  expect(duplicateCodes(tables)).toEqual([]);
});

test("a code in two tables is named with both", () => {
  const table: NamedErrorTable["table"] = { "store/io": { kind: "unavailable", title: "A file could not be read" } };
  const twice = ["packages/a/src/errors.ts", "apps/b/src/errors.ts"].map((path) => ({ path, name: "aErrors", table }));
  expect(duplicateCodes(twice)).toEqual(["store/io stands in packages/a/src/errors.ts and in apps/b/src/errors.ts"]);
});

test("a code is area/reason, and its kind has an exit status that is explained", () => {
  const explained = new Set(exitStatuses.map(([status]) => status));
  for (const [code, entry] of tables.flatMap(({ table }) => Object.entries(table))) {
    expect(code).toMatch(/^[a-z][a-z0-9]*(-[a-z0-9]+)*\/[a-z0-9]+(-[a-z0-9]+)*$/);
    expect([code, explained.has(exitStatus(entry.kind))]).toEqual([code, true]);
  }
});

test("a title is a phrase and a hint is sentences", () => {
  for (const [code, { title, hint }] of tables.flatMap(({ table }) => Object.entries(table))) {
    expect([code, title]).toEqual([code, expect.stringMatching(/^\S.*[^.\s]$/)]);
    if (hint !== undefined) expect([code, hint]).toEqual([code, expect.stringMatching(/^\S.*[.…:]$/s)]);
  }
});
