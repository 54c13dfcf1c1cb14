import { afterAll, beforeAll, expect, test } from "bun:test";
import { runExecutor } from "@cpm/colonies";
import type { Job, JobHandler } from "@cpm/colonies";
import { readReleaseLogs, readReleaseStatus, waitForRelease } from "@cpm/operations";
import type { ReleaseLogEntry } from "@cpm/operations";
import { describeOnColonies } from "../colonies/colony-under-test.ts";
import { until } from "../colonies/until.ts";
import { writeFiles } from "./demo-package.ts";
import { endOf, errorOf, Lab, systemClock } from "./lab.ts";

const type = "worker";
const many = 1234;

describeOnColonies("the work of a release", (start) => {
  let lab: Lab;
  const stop = new AbortController();
  let running: Promise<void>;
  beforeAll(async () => {
    lab = await Lab.open(start);
    const identity = await lab.colony.addExecutor("worker-1", type);
    running = runExecutor({
      client: lab.colony.client.as(identity),
      executorName: "worker-1",
      executorType: type,
      handlers,
      slots: 4,
      waitSeconds: 1,
      watchMs: 200,
      signal: stop.signal,
    });
  }, 300_000);
  afterAll(async () => {
    stop.abort();
    await running;
    await lab?.close();
  });

  const handlers: Readonly<Record<string, JobHandler>> = {
    double: async ({ process }: Job) => [Number((process.spec["args"] as number[])[0]) * 2],
    sum: async ({ process }: Job) => [process.input.reduce((sum: number, value) => sum + Number(value), 0)],
    fail: async () => {
      throw new Error("the disk is full");
    },
    wait: async ({ signal }: Job) => {
      await until(
        () => signal.aborted,
        (aborted) => aborted,
      );
    },
    print: async (job: Job) => {
      for (let line = 0; line < many; line++) await job.log(`line ${line}\n`);
    },
  };

  const node = (name: string, funcname: string, dependencies: readonly string[] = [], args = "[]") =>
    `    - {nodename: ${name}, funcname: ${funcname}, args: ${args}, conditions: {executortype: ${type}, dependencies: [${dependencies.join(", ")}]}, maxexectime: 60}`;
  const workflow = (name: string, ...nodes: readonly string[]): string =>
    writeFiles(lab.fresh(name), {
      "colony.yaml": `apiVersion: cpm/v1
name: tests/${name}
version: 1.0.0
description: A test.
requires: {executors: [{type: ${type}}]}
`,
      "templates/w.yaml": `kind: Workflow\nname: w\nspec:\n  functionspecs:\n${nodes.join("\n")}\n`,
    });
  const wait = async (name: string, directory: string, timeoutMs?: number, signal?: AbortSignal) => {
    const { created } = await lab.install(name, { package: directory });
    const context = lab.context(signal === undefined ? {} : { signal });
    return waitForRelease(created, context, () => {}, timeoutMs);
  };
  const explain = async (release: string) => (await readReleaseStatus(release, lab.context())).explanation;

  test("is waited for, and its last node's output is the result", async () => {
    const directory = workflow(
      "sums",
      node("a", "double", [], "[3]"),
      node("b", "double", [], "[4]"),
      node("c", "sum", ["a", "b"]),
    );
    const results = await wait("sums", directory, 60_000);
    expect(results.map((result) => [result.node, result.state, result.leaf, result.output])).toEqual(
      expect.arrayContaining([
        ["a", "success", false, [6]],
        ["b", "success", false, [8]],
        ["c", "success", true, [14]],
      ]),
    );
    expect(await explain("sums")).toBe("Installed; all its work succeeded.");
  }, 60_000);

  test("that fails is told with the executor's words", async () => {
    const directory = workflow("broken", node("a", "fail"), node("b", "sum", ["a"]));
    const results = await wait("broken", directory, 60_000);
    expect(results.map((result) => result.state)).toEqual(["failed", "failed"]);
    expect(results.find((result) => result.node === "a")?.errors).toEqual(["the disk is full"]);
    expect(await explain("broken")).toBe("Installed; work failed: Workflow w.");
    const end = await lab.cpm(["install", directory, "--name", "broken-cli", "--wait"]);
    expect([end.status, end.stderr]).toEqual([1, expect.stringContaining('the work of "broken-cli" did not succeed')]);
  }, 60_000);

  test("that is cancelled ends the wait", async () => {
    const waiting = wait("stopped", workflow("stopped", node("a", "wait"), node("b", "sum", ["a"])), 60_000);
    await until(
      async () => (await lab.census("stopped").catch(() => undefined))?.live.length,
      (count) => count === 1,
    );
    await lab.uninstall("stopped");
    expect((await waiting).map((result) => result.state)).toEqual(["cancelled", "cancelled"]);
    expect(await explain("stopped")).toBe("It was uninstalled.");
  }, 60_000);

  test("that lasts too long ends the wait with advice, and goes on", async () => {
    const error = await errorOf(wait("long", workflow("long", node("a", "wait")), 300));
    expect(error.code).toBe("release/wait-timeout");
    expect(error.hint).toContain("It goes on: `cpm status` shows it");
    expect((await lab.census("long")).live).toEqual(["Workflow/w"]);
    await lab.uninstall("long");
  }, 60_000);

  test("is waited for without end by a timer that is too long for one", async () => {
    const results = await wait("patient", workflow("patient", node("a", "double", [], "[1]")), 2 ** 40);
    expect(results.map((result) => result.state)).toEqual(["success"]);
  }, 60_000);

  test("is not waited for any longer after an interrupt", async () => {
    const abort = new AbortController();
    const waiting = wait("cut", workflow("cut", node("a", "wait")), undefined, abort.signal);
    await until(
      async () => (await lab.census("cut").catch(() => undefined))?.live.length,
      (count) => count === 1,
    );
    abort.abort();
    await expect(waiting).rejects.toThrow();
    await lab.uninstall("cut");
  }, 60_000);

  test("is followed line by line, each once and in order, over pages of the log", async () => {
    const directory = workflow("chatty", node("talk", "print"), node("silent", "sum", ["talk"]));
    await lab.install("chatty", { package: directory });
    const followed: ReleaseLogEntry[] = [];
    for await (const entry of readReleaseLogs({ release: "chatty", follow: true }, lab.context())) followed.push(entry);
    const expected = Array.from({ length: many }, (_, line) => `line ${line}\n`);
    expect(followed.map(({ message }) => message)).toEqual(expected);
    expect(followed.every(({ process }) => process.node === "talk")).toBe(true);
    const read: string[] = [];
    for await (const entry of readReleaseLogs({ release: "chatty", follow: false }, lab.context()))
      read.push(entry.message);
    expect(read).toEqual(expected);
    for await (const entry of readReleaseLogs({ release: "chatty", node: "silent", follow: false }, lab.context()))
      throw new Error(entry.message);
  }, 120_000);

  test("of a schedule is followed until the release is uninstalled", async () => {
    const directory = writeFiles(lab.fresh("ticking"), {
      "colony.yaml": `apiVersion: cpm/v1\nname: tests/ticking\nversion: 1.0.0\ndescription: A test.\n`,
      "templates/c.yaml": `kind: Cron\nname: c\nspec:\n  interval: 1\n  workflowspec:\n    functionspecs:\n${node("tick", "print")}\n`,
    });
    await lab.install("ticking", { package: directory });
    let lines = 0;
    for await (const { process } of readReleaseLogs({ release: "ticking", follow: true }, lab.context())) {
      expect(process.node).toBe("tick");
      if (lines++ === 0) await lab.uninstall("ticking");
    }
    expect(lines).toBeGreaterThan(0);
    await systemClock.sleep(2500);
    expect((await lab.census("ticking")).live).toEqual([]);
  }, 120_000);

  test("needs a release", async () => {
    const follow = async () => {
      for await (const entry of readReleaseLogs({ release: "nowhere", follow: true }, lab.context()))
        throw new Error(entry.message);
    };
    expect((await errorOf(follow())).code).toBe("release/not-found");
    const end = await endOf(lab.spawn(["logs", "nowhere"], lab.environment(lab.fresh("packages"))));
    expect(end.status).toBe(5);
  });
});
