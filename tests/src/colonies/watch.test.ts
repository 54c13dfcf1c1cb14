import { afterAll, beforeAll, expect, test } from "bun:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ColoniesClient, waitForProcess, watchProcess } from "@cpm/colonies";
import type { Process, WatchOptions } from "@cpm/colonies";
import { describeOnColonies } from "./colony-under-test.ts";
import type { TestColony } from "./colony-under-test.ts";
import { startRelay } from "./relay.ts";
import type { Relay } from "./relay.ts";
import { until } from "./until.ts";

/** Longer than any test: whoever wakes earlier was pushed. */
const neverMs = 600_000;

describeOnColonies("watching a process", (start) => {
  let colony: TestColony;
  let relay: Relay;
  let number = 0;
  beforeAll(async () => {
    colony = await start();
    relay = await startRelay(colony.endpoint);
  }, 300_000);
  afterAll(async () => {
    await relay?.stop();
    await colony?.stop();
  });

  /** A process with an executor of its own, and a client that goes through the relay. */
  const newProcess = async () => {
    const type = `watched${++number}`;
    const worker = colony.client.as(await colony.addExecutor(type, type));
    const spec = { funcname: "f", conditions: { executortype: type } };
    const process = await colony.client.processes.submit(spec);
    const { identity } = colony.client;
    const client = new ColoniesClient({ endpoint: relay.endpoint, colonyName: "dev", identity });
    return { id: process.id, worker, client };
  };
  const watch = (client: ColoniesClient, id: string, options: WatchOptions) => {
    const seen: Process[] = [];
    const abort = new AbortController();
    const done = (async () => {
      for await (const process of watchProcess(client, id, { ...options, signal: abort.signal })) seen.push(process);
    })();
    return { states: () => seen.map((process) => process.state), done, abort };
  };
  const isSubscribed = (count = 1) =>
    until(
      () => relay.socketsOpen,
      (open) => open === count,
    );
  /** The server answers no subscription: what it has taken shows only later. */
  const settled = () => sleep(500);

  test("a push wakes it long before the next reading", async () => {
    const { id, worker, client } = await newProcess();
    const { states, done } = watch(client, id, { pollMs: neverMs });
    await isSubscribed();
    await settled();
    await worker.processes.assign();
    await until(states, (all) => all.length === 2);
    await worker.processes.closeSuccessful(id, [1]);
    await done;
    expect(states()).toEqual(["waiting", "running", "success"]);
    await isSubscribed(0);
  });

  test("where sockets are refused it reads, and asks for a socket each time", async () => {
    const { id, worker, client } = await newProcess();
    relay.refuseSockets(true);
    try {
      const before = relay.socketsAsked;
      const { states, done } = watch(client, id, { pollMs: 300 });
      await until(
        () => relay.socketsAsked - before,
        (asked) => asked >= 2,
      );
      await worker.processes.assign();
      await worker.processes.closeFailed(id, ["x"]);
      await done;
      expect(states().at(-1)).toBe("failed");
    } finally {
      relay.refuseSockets(false);
    }
  });

  test("where sockets are refused it slows down to its usual pace", async () => {
    const { id, client } = await newProcess();
    relay.refuseSockets(true);
    try {
      const before = relay.socketsAsked;
      const { done, abort } = watch(client, id, { pollMs: neverMs });
      await sleep(3000);
      // At 0, 250, 750, 1750 and 3750 ms.
      expect(relay.socketsAsked - before).toBeLessThanOrEqual(5);
      abort.abort(new Error("enough"));
      expect(done).rejects.toThrow("enough");
    } finally {
      relay.refuseSockets(false);
    }
  });

  test("subscribes again when the server ends the subscription", async () => {
    const { id, worker, client } = await newProcess();
    const before = relay.socketsAsked;
    const { states, done } = watch(client, id, { pollMs: neverMs, subscriptionSeconds: 1 });
    await until(
      () => relay.socketsAsked - before,
      (asked) => asked >= 3,
    );
    await isSubscribed();
    await worker.processes.assign();
    await worker.processes.closeSuccessful(id);
    await done;
    expect(states().at(-1)).toBe("success");
    await isSubscribed(0);
  });

  test("a cut connection is made anew, and what happened meanwhile is seen", async () => {
    const { id, worker, client } = await newProcess();
    const { states, done } = watch(client, id, { pollMs: neverMs });
    await isSubscribed();
    await settled();
    relay.refuseSockets(true);
    relay.cutSockets();
    await worker.processes.assign();
    await until(states, (all) => all.includes("running"));
    relay.refuseSockets(false);
    await isSubscribed();
    await settled();
    await worker.processes.closeSuccessful(id);
    await done;
    expect(states()).toEqual(["waiting", "running", "success"]);
  });

  test("leaves no socket when its consumer goes, when it is aborted and when the process is gone", async () => {
    const first = await newProcess();
    for await (const _ of watchProcess(first.client, first.id, { pollMs: neverMs })) break;
    const second = await newProcess();
    const { abort, done } = watch(second.client, second.id, { pollMs: neverMs });
    await isSubscribed();
    abort.abort(new Error("enough"));
    expect(done).rejects.toThrow("enough");
    await isSubscribed(0);
    const third = await newProcess();
    const removed = watch(third.client, third.id, { pollMs: 200 });
    await isSubscribed();
    await colony.client.processes.remove(third.id);
    expect(removed.done).rejects.toMatchObject({ code: "colonies/not-found" });
    await isSubscribed(0);
  });

  test("a wait has a limit, and a final state is told at once", async () => {
    const { id, worker, client } = await newProcess();
    expect(waitForProcess(client, id, { timeoutMs: 300, pollMs: neverMs })).rejects.toMatchObject({
      code: "colonies/timeout",
    });
    await worker.processes.assign();
    await worker.processes.closeSuccessful(id, ["x"]);
    expect((await waitForProcess(client, id, { pollMs: neverMs })).output).toEqual(["x"]);
    await isSubscribed(0);
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
