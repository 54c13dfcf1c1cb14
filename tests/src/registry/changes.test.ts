import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cpmRegistry } from "./command.ts";
import { startRegistryProcess } from "./registry-process.ts";

const data = mkdtempSync(join(tmpdir(), "cpm-changes-"));
afterAll(() => rmSync(data, { recursive: true, force: true }));

test("who waits for changes hears of what another process makes, and when the registry stops", async () => {
  const run = async (...args: readonly string[]): Promise<void> => {
    const { exitCode, stderr } = await cpmRegistry([...args, "--data", data], "a long password\n");
    expect([stderr, exitCode]).toEqual(["", 0]);
  };
  await run("user", "add", "olga", "--admin", "--password-stdin");
  await run("namespace", "add", "acme", "--private");
  const registry = await startRegistryProcess(data, { open: false });
  const read = async (query: string) => (await fetch(`http://${registry.host}/api/v1/changes?${query}`)).json();
  const { next } = await read("after=latest");
  const waiting = read(`after=${next}&wait=60`);
  await run("namespace", "set", "acme", "--public");
  const { changes, next: following } = await waiting;
  expect(changes).toMatchObject([{ kind: "namespace.shown", name: "acme" }]);
  // Both are waiting by the time that a third, which does not wait, is answered.
  const last = [read(`after=${following}&wait=60`), read(`after=${following}&wait=60`)];
  await read(`after=${following}`);
  const ended = registry.end("SIGTERM");
  expect(await Promise.all(last)).toEqual([1, 2].map(() => ({ changes: [], next: following, more: false })));
  expect((await ended).exitCode).toBe(0);
}, 60_000);
