import { afterAll, afterEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { currentProcess } from "@cpm/store";
import { openDevKeys } from "./dev-keys.ts";
import type { DevState } from "./dev-state.ts";
import { devFolder, readDevState, removeDevState, writeDevState } from "./dev-state.ts";

const folder = mkdtempSync(join(tmpdir(), "cpm-dev-"));
const path = join(devFolder(folder), "dev.json");
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => rmSync(devFolder(folder), { recursive: true, force: true }));

const state: DevState = {
  process: currentProcess(),
  registry: "localhost:5000",
  server: "http://127.0.0.1:4000",
  colony: "dev",
  userKey: "1".repeat(64),
  ownerKey: "2".repeat(64),
  kind: "embedded",
  packagesRoot: "/p",
  executor: "local",
};

test("what was written is read until it is removed", () => {
  expect(readDevState(folder)).toBeUndefined();
  writeDevState(folder, state);
  expect(readDevState(folder)).toEqual(state);
  removeDevState(folder);
  expect(readDevState(folder)).toBeUndefined();
  removeDevState(folder);
});

test("the file with the keys and its folder are for their user only", () => {
  writeDevState(folder, state);
  openDevKeys(devFolder(folder));
  for (const name of ["dev.json", "keys.json"])
    expect(statSync(join(devFolder(folder), name)).mode & 0o777).toBe(0o600);
  expect(statSync(devFolder(folder)).mode & 0o777).toBe(0o700);
});

test("a process that ended, or whose number another process has now, counts as nothing", () => {
  writeDevState(folder, { ...state, process: { pid: 2 ** 22 + 1, started: "5" } });
  expect(readDevState(folder)).toBeUndefined();
  writeDevState(folder, { ...state, process: { pid: process.pid, started: "of another boot" } });
  expect(readDevState(folder)).toBeUndefined();
});

test.each([
  "{}",
  "[]",
  "null",
  '{"process": {}}',
  '{"process": {"pid": -1, "started": ""}}',
  JSON.stringify({ process: state.process }),
])("a file of another form counts as nothing: %s", (text) => {
  mkdirSync(devFolder(folder), { recursive: true });
  writeFileSync(path, text);
  expect(readDevState(folder)).toBeUndefined();
});

test("the keys of the dev colony stay the same, and are four", () => {
  const first = openDevKeys(devFolder(folder));
  const again = openDevKeys(devFolder(folder));
  const ids = (keys: typeof first) =>
    [keys.serverOwner, keys.colonyOwner, keys.user, keys.executor].map(({ id }) => id);
  expect(ids(again)).toEqual(ids(first));
  expect(new Set(ids(first)).size).toBe(4);
});
