import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { createError } from "@cpm/base";
import { coloniesErrors, runExecutor, waitForProcess } from "@cpm/colonies";
import type { ExecutorEvent, ExecutorOptions, Identity, Job, JobHandler, Process } from "@cpm/colonies";
import { describeOnColonies } from "./colony-under-test.ts";
import type { TestColony } from "./colony-under-test.ts";
import { until } from "./until.ts";

const staleSeconds = 3;

interface Running {
  readonly name: string;
  readonly type: string;
  readonly identity: Identity;
  readonly events: ExecutorEvent[];
  readonly stop: () => Promise<void>;
  count(kind: ExecutorEvent["kind"]): number;
}

describeOnColonies("the executor loop", (start) => {
  let colony: TestColony;
  let number = 0;
  const running: Running[] = [];
  beforeAll(async () => {
    colony = await start({ staleSeconds });
  }, 300_000);
  afterEach(async () => {
    await Promise.all(running.splice(0).map((executor) => executor.stop()));
  });
  afterAll(async () => colony?.stop());

  const runLoop = async (
    handlers: Record<string, JobHandler>,
    options: Partial<ExecutorOptions> & { type?: string } = {},
  ): Promise<Running> => {
    number++;
    const { type = `type${number}`, ...rest } = options;
    const name = `executor${number}`;
    const identity = await colony.addExecutor(name, type);
    const abort = new AbortController();
    const events: ExecutorEvent[] = [];
    const loop = runExecutor({
      client: colony.client.as(identity),
      executorName: name,
      executorType: type,
      handlers,
      signal: abort.signal,
      waitSeconds: 1,
      livenessMs: 1000,
      watchMs: 500,
      onEvent: (event) => events.push(event),
      ...rest,
    });
    const executor: Running = {
      name,
      type,
      identity,
      events,
      stop: async () => {
        abort.abort();
        await loop;
      },
      count: (kind) => events.filter((event) => event.kind === kind).length,
    };
    running.push(executor);
    return executor;
  };
  const submit = (type: string, fields: Record<string, string | number> = {}): Promise<Process> =>
    colony.client.processes.submit({ funcname: "work", ...fields, conditions: { executortype: type } });
  const ended = (process: Process): Promise<Process> =>
    waitForProcess(colony.client, process.id, { timeoutMs: 40_000, pollMs: 200 });
  const owner = () => colony.client.as(colony.colonyOwner);
  /** A handler that says when it began, and ends when it is told to or aborted. */
  const held = () => {
    const jobs: Job[] = [];
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const handler: JobHandler = async (job) => {
      jobs.push(job);
      await Promise.race([released, once(job.signal, "abort")]);
      job.signal.throwIfAborted();
      return ["done"];
    };
    return {
      jobs,
      handler,
      release: () => release(),
      begun: () =>
        until(
          () => jobs.length,
          (count) => count > 0,
        ),
    };
  };

  test("runs a function, keeps its logs in order and its output", async () => {
    const { type } = await runLoop({
      work: async (job) => {
        await job.log("one\n");
        await job.log("two\n");
        await job.setOutput(["early"]);
        return [{ name: job.process.functionName }, 2n ** 60n];
      },
    });
    const process = await ended(await submit(type));
    expect([process.state, process.output[0]]).toEqual(["success", { name: "work" }]);
    const logs = await colony.client.logs.ofProcess(process.id);
    expect(logs.map((entry) => entry.message)).toEqual(["one\n", "two\n"]);
  });

  test("a handler without output keeps what was set before", async () => {
    const { type } = await runLoop({ work: (job) => job.setOutput(["kept"]) });
    expect((await ended(await submit(type))).output).toEqual(["kept"]);
  });

  test("what a handler throws fails the process, with our code where it has one", async () => {
    const { type } = await runLoop({
      work: async () => {
        throw new Error("broken");
      },
      coded: async () => {
        throw createError(coloniesErrors, "colonies/refused", "no such thing");
      },
    });
    const [plain, coded] = await Promise.all([submit(type), submit(type, { funcname: "coded" })]);
    expect((await ended(plain)).errors).toEqual(["broken"]);
    expect((await ended(coded)).errors).toEqual(["no such thing [colonies/refused]"]);
  });

  test.each(["absent", "toString", "__proto__"])(
    "a function that it lacks (%s) fails the process",
    async (funcname) => {
      const { type } = await runLoop({ work: async () => [] });
      const process = await ended(await submit(type, { funcname }));
      expect([process.state, process.errors]).toEqual(["failed", [`this executor has no function "${funcname}"`]]);
    },
  );

  test("registers its functions once", async () => {
    const { name, type } = await runLoop({ work: async () => [], other: async () => [] });
    await ended(await submit(type));
    // Looked at again after each second of `livenessMs`.
    await sleep(2500);
    const functions = await colony.client.executors.functions(name);
    expect(functions.map((entry) => entry.name).toSorted()).toEqual(["other", "work"]);
  });

  test("runs as many jobs as it has slots, and leaves the others in the queue", async () => {
    const { jobs, handler, release } = held();
    const { type } = await runLoop({ work: handler }, { slots: 2 });
    const processes = [];
    for (let index = 0; index < 5; index++) processes.push(await submit(type));
    await until(
      () => jobs.length,
      (count) => count === 2,
    );
    // More than one report that it lives, and still nothing more is taken.
    await sleep(2500);
    const states = await Promise.all(processes.map(async ({ id }) => (await colony.client.processes.get(id)).state));
    expect(states.filter((state) => state === "waiting")).toHaveLength(3);
    release();
    const results = await Promise.all(processes.map(ended));
    expect(results.map((process) => [process.state, process.retries])).toEqual(processes.map(() => ["success", 0]));
  });

  test("keeps a job that takes longer than the server bears silence", async () => {
    let runs = 0;
    const executor = await runLoop({
      work: async ({ signal }) => {
        runs++;
        await sleep((staleSeconds * 2 + 1) * 1000, undefined, { signal });
        return ["slow"];
      },
    });
    const process = await ended(await submit(executor.type));
    expect([process.state, process.output, runs, executor.count("lost")]).toEqual(["success", ["slow"], 1, 0]);
  });

  test("a job is aborted when its process is cancelled, and nothing is closed", async () => {
    const { jobs, handler, begun } = held();
    const executor = await runLoop({ work: handler }, { watchMs: 600_000 });
    const process = await submit(executor.type);
    await begun();
    // The push alone must do: the next reading is ten minutes away.
    await until(
      () => jobs[0]?.process.id,
      (id) => id === process.id,
    );
    await sleep(1000);
    await colony.client.processes.cancel(process.id);
    await until(
      () => executor.count("lost"),
      (count) => count === 1,
    );
    const after = await colony.client.processes.get(process.id);
    expect([after.state, after.output, after.errors]).toEqual(["cancelled", [], []]);
    expect(jobs[0]?.signal.reason).toMatchObject({ code: "colonies/job-lost", kind: "cancelled" });
    expect(executor.count("closed")).toBe(0);
  });

  test("a job is aborted when its workflow is cancelled, which pushes nothing", async () => {
    const { handler, begun } = held();
    const executor = await runLoop({ work: handler });
    const node = { funcname: "work", conditions: { executortype: executor.type } };
    const workflow = await colony.client.workflows.submit([
      { ...node, nodename: "a" },
      { ...node, nodename: "b", conditions: { ...node.conditions, dependencies: ["a"] } },
    ]);
    await begun();
    await colony.client.workflows.cancel(workflow.id);
    await until(
      () => executor.count("lost"),
      (count) => count === 1,
    );
    expect((await colony.client.workflows.get(workflow.id)).state).toBe("cancelled");
  });

  test("a removed executor loses its job, backs off, and after approval takes it up again with its functions", async () => {
    const { jobs, handler, begun, release } = held();
    const executor = await runLoop({ work: handler });
    const process = await submit(executor.type);
    await begun();
    await owner().executors.remove(executor.name);
    await until(
      () => jobs[0]?.signal.aborted,
      (aborted) => aborted === true,
    );
    await until(
      () => executor.events,
      (events) => events.some((event) => event.kind === "trouble" && codeOf(event.error) === "colonies/denied"),
    );
    const taken = await colony.client.processes.get(process.id);
    expect([taken.state, taken.output]).toEqual(["waiting", []]);
    expect(await colony.client.executors.functions(executor.name)).toEqual([]);
    await owner().executors.approve(executor.name);
    await until(
      () => jobs.length,
      (count) => count === 2,
    );
    release();
    expect((await ended(process)).output).toEqual(["done"]);
    const functions = () => colony.client.executors.functions(executor.name);
    const [again] = await until(functions, (entries) => entries.length > 0);
    expect(again?.name).toBe("work");
    expect([executor.count("lost"), executor.count("closed")]).toEqual([1, 1]);
  });

  test("a process that went to another executor is not closed by the first, though it always ran", async () => {
    const first = held();
    const second = held();
    const loser = await runLoop({ work: first.handler });
    const process = await submit(loser.type);
    await first.begun();
    const winner = await runLoop({ work: second.handler }, { type: loser.type });
    await owner().executors.remove(loser.name);
    await owner().executors.approve(loser.name);
    await Promise.race([
      second.begun(),
      until(
        () => first.jobs.length,
        (count) => count === 2,
      ),
    ]);
    await until(
      () => first.jobs[0]?.signal.aborted,
      (aborted) => aborted === true,
    );
    first.release();
    second.release();
    expect((await ended(process)).output).toEqual(["done"]);
    await until(
      () => loser.count("lost"),
      (count) => count === 1,
    );
    // The server has the result before the executor that sent it knows.
    const closed = (): number => loser.count("closed") + winner.count("closed");
    await until(closed, (count) => count >= 1);
    expect(closed()).toBe(1);
  });

  test("a server that is killed and comes back in mid-job gets the logs and the result", async () => {
    let begun = false;
    let away = false;
    const executor = await runLoop({
      work: async (job) => {
        begun = true;
        await until(() => away, Boolean);
        await job.log("written while the server was away\n");
        return ["survived"];
      },
    });
    const process = await submit(executor.type);
    await until(() => begun, Boolean);
    await colony.killServer();
    away = true;
    await until(
      () => executor.count("trouble"),
      (count) => count >= 2,
    );
    await colony.startServer();
    const after = await ended(process);
    expect([after.state, after.output, after.retries]).toEqual(["success", ["survived"], 0]);
    expect((await colony.client.logs.ofProcess(process.id)).map((entry) => entry.message)).toContain(
      "written while the server was away\n",
    );
    expect((await ended(await submit(executor.type, { funcname: "none" }))).state).toBe("failed");
  });

  test("a paused colony is waited for", async () => {
    const executor = await runLoop({ work: async () => ["late"] });
    await owner().colony.pauseAssignments();
    try {
      await until(
        () => executor.events,
        (events) => events.some((event) => event.kind === "trouble" && codeOf(event.error) === "colonies/paused"),
      );
      const process = await submit(executor.type);
      expect((await colony.client.processes.get(process.id)).state).toBe("waiting");
      await owner().colony.resumeAssignments();
      expect((await ended(process)).output).toEqual(["late"]);
    } finally {
      await owner().colony.resumeAssignments();
    }
  });

  test("a job outlives a pause that is longer than the server bears silence", async () => {
    const { handler, begun, release } = held();
    const executor = await runLoop({ work: handler });
    const process = await submit(executor.type);
    await begun();
    await owner().colony.pauseAssignments();
    try {
      await sleep((staleSeconds + 2) * 1000);
    } finally {
      await owner().colony.resumeAssignments();
    }
    release();
    expect((await ended(process)).output).toEqual(["done"]);
    expect(executor.count("lost")).toBe(0);
  });

  test("stopping aborts the jobs, fails their processes and returns", async () => {
    const { jobs, handler, begun } = held();
    const executor = await runLoop({ work: handler });
    const process = await submit(executor.type);
    await begun();
    await executor.stop();
    expect(jobs[0]?.signal.aborted).toBe(true);
    const after = await ended(process);
    expect([after.state, after.errors]).toEqual(["failed", ["the executor stops [colonies/job-lost]"]]);
  });

  test("stopping an idle executor ends its waiting call", async () => {
    const executor = await runLoop({ work: async () => [] }, { waitSeconds: 50, livenessMs: 100_000 });
    await until(
      () => colony.client.executors.get(executor.name),
      (entry) => entry.lastHeardAt !== undefined,
    );
    await executor.stop();
    expect(executor.events).toEqual([]);
  });
});

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
