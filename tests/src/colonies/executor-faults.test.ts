import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { ColoniesClient, runExecutor, waitForProcess } from "@cpm/colonies";
import type { ExecutorEvent, Fetch, JobHandler, Process } from "@cpm/colonies";
import { startEmbedded } from "./colony-under-test.ts";
import type { TestColony } from "./colony-under-test.ts";
import { until } from "./until.ts";

/** What happens to the next calls of one payload type, in turn. */
type Fault = "the answer is lost" | "the server is away" | { readonly status: number; readonly message: string };

describe("an executor whose calls meet with accidents", () => {
  let colony: TestColony;
  let number = 0;
  const stops: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    colony = await startEmbedded();
  });
  afterEach(async () => {
    await Promise.all(stops.splice(0).map((stop) => stop()));
  });
  afterAll(async () => colony?.stop());

  const start = async (faults: Record<string, Fault[]>, handler: JobHandler) => {
    const name = `executor${++number}`;
    const identity = await colony.addExecutor(name, name);
    const sent: Record<string, number> = {};
    const faulty: Fetch = async (url, init) => {
      const { payloadtype } = JSON.parse(init.body);
      sent[payloadtype] = (sent[payloadtype] ?? 0) + 1;
      const fault = faults[payloadtype]?.shift();
      if (fault === undefined) return fetch(url, init);
      if (fault === "the server is away") throw new TypeError("connection refused");
      if (fault === "the answer is lost") {
        await fetch(url, init);
        throw new TypeError("connection reset");
      }
      const envelope = { payloadtype: "error", payload: btoa(JSON.stringify(fault)), error: true };
      return new Response(JSON.stringify(envelope), { status: fault.status });
    };
    const abort = new AbortController();
    const events: ExecutorEvent[] = [];
    const { endpoint } = colony;
    const loop = runExecutor({
      client: new ColoniesClient({ endpoint, colonyName: "dev", identity, fetch: faulty }),
      executorName: name,
      executorType: name,
      handlers: { work: handler },
      signal: abort.signal,
      waitSeconds: 1,
      watchMs: 500,
      onEvent: (event) => events.push(event),
      random: () => 0,
    });
    stops.push(async () => {
      abort.abort();
      await loop;
    });
    const submit = (): Promise<Process> =>
      colony.client.processes.submit({ funcname: "work", conditions: { executortype: name } });
    const isOver = () =>
      until(
        () => events.find(({ kind }) => kind === "closed" || kind === "lost"),
        (event) => event !== undefined,
      );
    return { events, sent, submit, isOver };
  };
  const ended = ({ id }: Process) => waitForProcess(colony.client, id, { timeoutMs: 30_000, pollMs: 100 });

  test("a close whose answer was lost is not done again, and counts", async () => {
    const { sent, submit, isOver } = await start({ closesuccessfulmsg: ["the answer is lost"] }, async () => ["x"]);
    const process = await submit();
    expect(await isOver()).toMatchObject({ kind: "closed", successful: true });
    expect([(await ended(process)).output, sent["closesuccessfulmsg"]]).toEqual([["x"], 1]);
  });

  test("a failure whose answer was lost counts as a failure", async () => {
    const { submit, isOver } = await start({ closefailedmsg: ["the answer is lost"] }, async () => {
      throw new Error("broken");
    });
    const process = await submit();
    expect(await isOver()).toMatchObject({ kind: "closed", successful: false });
    expect((await ended(process)).errors).toEqual(["broken"]);
  });

  test("a result is delivered after the server and its database were away", async () => {
    const starting = { status: 400, message: "pq: the database system is starting up" };
    const faults = { closesuccessfulmsg: ["the server is away" as const, starting, { status: 500, message: "odd" }] };
    const { sent, submit } = await start(faults, async () => ["x"]);
    expect((await ended(await submit())).output).toEqual(["x"]);
    expect(sent["closesuccessfulmsg"]).toBe(4);
  });

  test("output that the server refuses fails the process with the reason", async () => {
    const refusal = { status: 400, message: "pq: invalid byte sequence" };
    const { submit, isOver } = await start({ closesuccessfulmsg: [refusal] }, async () => ["x"]);
    const process = await submit();
    expect(await isOver()).toMatchObject({ kind: "closed", successful: false });
    expect((await ended(process)).errors).toEqual(["the output was refused: pq: invalid byte sequence"]);
  });

  test("a log line is written although the server was away, and a refused one fails the job", async () => {
    const faults = { addlogmsg: ["the server is away" as const, "the server is away" as const] };
    const patient = await start(faults, async (job) => job.log("line\n"));
    const process = await patient.submit();
    expect((await ended(process)).state).toBe("success");
    expect((await colony.client.logs.ofProcess(process.id)).map((entry) => entry.message)).toEqual(["line\n"]);
    const refused = { addlogmsg: [{ status: 400, message: "too long" }] };
    const strict = await start(refused, async (job) => job.log("line\n"));
    expect((await ended(await strict.submit())).errors).toEqual(["too long [colonies/refused]"]);
  });

  test("a process that was removed is lost", async () => {
    let aborted = false;
    const { submit, isOver } = await start({}, async ({ signal }) => {
      await until(() => signal.aborted, Boolean);
      aborted = true;
    });
    const { id } = await submit();
    await until(
      () => colony.client.processes.get(id),
      (process) => process.state === "running",
    );
    await colony.client.as(colony.colonyOwner).processes.removeAll();
    expect(await isOver()).toMatchObject({ kind: "lost", process: { id } });
    expect(aborted).toBe(true);
  });

  test("an answer that is none does not end the loop", async () => {
    const { events, submit } = await start(
      { assignprocessmsg: [{ status: 500, message: "odd" }], getfunctionsmsg: ["the server is away"] },
      async () => ["x"],
    );
    expect((await ended(await submit())).output).toEqual(["x"]);
    expect(events.filter(({ kind }) => kind === "trouble").length).toBeGreaterThanOrEqual(2);
  });
});
