import { afterAll, beforeAll, expect, test } from "bun:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ColoniesClient, waitForProcess, watchProcess } from "@cpm/colonies";
import type { Fetch, Process, WatchOptions } from "@cpm/colonies";
import { describeOnColonies } from "./colony-under-test.ts";
import type { TestColony } from "./colony-under-test.ts";
import { until } from "./until.ts";

/** Longer than any test: whoever reads earlier does so because little time has passed. */
const neverMs = 600_000;

describeOnColonies("watching a process", (start) => {
  let colony: TestColony;
  let number = 0;
  beforeAll(async () => {
    colony = await start();
  }, 300_000);
  afterAll(async () => colony?.stop());

  /** A process with an executor of its own, and a client that counts its calls. */
  const newProcess = async () => {
    const type = `watched${++number}`;
    const worker = colony.client.as(await colony.addExecutor(type, type));
    const spec = { funcname: "f", conditions: { executortype: type } };
    const process = await colony.client.processes.submit(spec);
    const { endpoint, identity } = colony.client;
    let calls = 0;
    const counted: Fetch = (url, init) => {
      calls++;
      return fetch(url, init);
    };
    const client = new ColoniesClient({ endpoint, colonyName: "dev", identity, fetch: counted });
    return { id: process.id, worker, client, calls: () => calls };
  };
  const watch = (client: ColoniesClient, id: string, options: WatchOptions) => {
    const seen: Process[] = [];
    const abort = new AbortController();
    const done = (async () => {
      for await (const process of watchProcess(client, id, { ...options, signal: abort.signal })) seen.push(process);
    })();
    return { states: () => seen.map((process) => process.state), done, abort };
  };

  test("sees each change soon, though the longest time between two readings is long", async () => {
    const { id, worker, client } = await newProcess();
    const { states, done } = watch(client, id, { pollMs: neverMs });
    await until(states, (all) => all.length === 1);
    await worker.processes.assign();
    await until(states, (all) => all.length === 2);
    await worker.processes.closeSuccessful(id, [1]);
    await done;
    expect(states()).toEqual(["waiting", "running", "success"]);
  });

  test("reads less and less often while nothing happens, and never less than it is told to", async () => {
    const [quiet, steady] = [await newProcess(), await newProcess()];
    const watches = [
      watch(quiet.client, quiet.id, { pollMs: neverMs }),
      watch(steady.client, steady.id, { pollMs: 50 }),
    ];
    await until(steady.calls, (calls) => calls >= 60);
    // After 3 s and more: every 100 ms in the first 0.8 s, then in steps of an eighth.
    expect(quiet.calls()).toBeLessThan(30);
    for (const { abort, done } of watches) {
      abort.abort(new Error("enough"));
      expect(done).rejects.toThrow("enough");
    }
  });

  test("reads no more when its consumer goes, when it is aborted and when the process is gone", async () => {
    const first = await newProcess();
    for await (const _ of watchProcess(first.client, first.id, { pollMs: 10 })) break;
    const second = await newProcess();
    const { abort, done } = watch(second.client, second.id, { pollMs: neverMs });
    await until(second.calls, (calls) => calls > 0);
    abort.abort(new Error("enough"));
    expect(done).rejects.toThrow("enough");
    const third = await newProcess();
    const removed = watch(third.client, third.id, { pollMs: 200 });
    await until(third.calls, (calls) => calls > 0);
    await colony.client.processes.remove(third.id);
    expect(removed.done).rejects.toMatchObject({ code: "colonies/not-found" });
    const before = [first, second, third].map(({ calls }) => calls());
    await sleep(500);
    expect([first, second, third].map(({ calls }) => calls())).toEqual(before);
  });

  test("a wait has a limit, and a final state is told at once", async () => {
    const { id, worker, client } = await newProcess();
    expect(waitForProcess(client, id, { timeoutMs: 300, pollMs: neverMs })).rejects.toMatchObject({
      code: "colonies/timeout",
    });
    await worker.processes.assign();
    await worker.processes.closeSuccessful(id, ["x"]);
    expect((await waitForProcess(client, id, { pollMs: neverMs })).output).toEqual(["x"]);
  });

  test("a failure is told with its reason, which the server writes a moment later than the state", async () => {
    for (let turn = 0; turn < 20; turn++) {
      const { id, worker, client } = await newProcess();
      await worker.processes.assign();
      const waiting = waitForProcess(client, id, { pollMs: 1 });
      await worker.processes.closeFailed(id, ["why"]);
      expect((await waiting).errors).toEqual(["why"]);
    }
  });

  test("a failure without a reason is told too", async () => {
    const { id, worker, client } = await newProcess();
    await worker.processes.assign();
    await worker.processes.closeFailed(id, []);
    expect((await waitForProcess(client, id)).errors).toEqual([]);
  });

  test("a server that is away is waited for", async () => {
    const { id, worker } = await newProcess();
    const { states, done } = watch(colony.client, id, { pollMs: 1000 });
    await until(states, (all) => all.length === 1);
    await colony.killServer();
    await sleep(700);
    await colony.startServer();
    await worker.processes.assign();
    await worker.processes.closeSuccessful(id);
    await done;
    expect(states().at(-1)).toBe("success");
  });
});
