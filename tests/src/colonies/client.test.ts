import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ColoniesClient, Identity, isFinal, serverStatus } from "@cpm/colonies";
import type { Fetch } from "@cpm/colonies";
import { catalogue, coveredCalls, withoutMethod } from "./catalogue.ts";
import { describeOnColonies, startEmbedded } from "./colony-under-test.ts";
import type { TestColony } from "./colony-under-test.ts";
import { until } from "./until.ts";

const reply = (content: unknown, error = false, status = 200): Response =>
  new Response(JSON.stringify({ payloadtype: "x", payload: btoa(JSON.stringify(content)), error }), { status });

describe("the catalogue of calls", () => {
  for (const [area, calls] of Object.entries(catalogue)) {
    test.each(Object.entries(calls))(`${area}: %s`, async (payloadType, call) => {
      const sent: { payloadtype: string; msgtype: string }[] = [];
      const record: Fetch = async (_url, { body }) => {
        const { payloadtype, payload } = JSON.parse(body);
        sent.push({ payloadtype, msgtype: JSON.parse(atob(payload)).msgtype });
        return reply({});
      };
      const identity = Identity.generate();
      // An empty object is a valid answer to all but lists, which read it as a fault: what was sent is what counts.
      await call(
        new ColoniesClient({ endpoint: "http://colony.test", colonyName: "dev", identity, fetch: record }),
      ).catch((error: unknown) => expect(error).toMatchObject({ code: "colonies/protocol" }));
      expect(sent).toEqual([{ payloadtype: payloadType, msgtype: payloadType }]);
    });
  }
});

const textOf = (value: unknown): string => {
  if (typeof value !== "string") throw new Error("not a text");
  return value;
};

describeOnColonies("the client", (start) => {
  const isReal = start !== startEmbedded;
  let colony: TestColony;
  /** Payload types that the server answered without a refusal. */
  const answered = new Set<string>();
  let number = 0;
  const unique = (prefix: string) => `${prefix}${++number}`;
  const record: Fetch = async (url, init) => {
    const response = await fetch(url, init);
    const text = await response.text();
    if (JSON.parse(text).error === false) answered.add(JSON.parse(init.body).payloadtype);
    return new Response(text, { status: response.status });
  };
  const as = (identity: Identity) =>
    new ColoniesClient({ endpoint: colony.endpoint, colonyName: "dev", identity, fetch: record });
  const user = () => as(colony.user);
  const owner = () => as(colony.colonyOwner);
  const server = () => as(colony.serverOwner);
  const specOf = (type: string, fields: Record<string, string | number> = {}) => ({
    funcname: "f",
    ...fields,
    conditions: { executortype: type },
  });
  const newWorker = async () => {
    const type = unique("type");
    return { type, worker: as(await colony.addExecutor(type, type)) };
  };
  beforeAll(async () => {
    colony = await start();
  }, 300_000);
  afterAll(async () => colony?.stop());

  test("asks the server about itself", async () => {
    expect(await user().server.version()).toMatchObject({ buildversion: expect.any(String) });
    expect(await user().server.info()).toMatchObject({ buildversion: expect.any(String) });
    expect(await server().server.statistics()).toMatchObject({ colonies: expect.any(Number) });
    expect(await server().server.cluster()).toMatchObject({ nodes: expect.any(Array) });
  });

  test("adds, lists, rekeys and removes colonies and users", async () => {
    const name = unique("colony");
    const [first, second, person, again] = Array.from({ length: 4 }, () => Identity.generate());
    if (!first || !second || !person || !again) throw new Error("four identities");
    expect(await server().server.addColony({ id: first.id, name })).toEqual({ id: first.id, name });
    const of = (identity: Identity) =>
      new ColoniesClient({ endpoint: colony.endpoint, colonyName: name, identity, fetch: record });
    await of(first).colony.addUser({ id: person.id, name: "ada", email: "a@b" });
    expect(await of(person).colony.get()).toEqual({ id: first.id, name });
    expect(await of(person).colony.statistics()).toMatchObject({ waitingprocesses: 0 });
    expect(await of(person).colony.users()).toMatchObject([{ id: person.id, name: "ada", email: "a@b" }]);
    expect((await of(person).colony.user("ada")).id).toBe(person.id);
    expect((await of(person).colony.userById(person.id)).name).toBe("ada");
    await of(person).colony.changeUserId(again.id);
    expect((await of(again).colony.user("ada")).id).toBe(again.id);
    await expect(of(person).colony.users()).rejects.toMatchObject({ code: "colonies/denied" });
    await of(first).colony.changeOwnerId(second.id);
    await of(second).colony.pauseAssignments();
    expect(await of(again).colony.isPaused()).toBe(true);
    await of(second).colony.resumeAssignments();
    expect(await of(again).colony.isPaused()).toBe(false);
    await expect(of(first).colony.removeUser("ada")).rejects.toMatchObject({ code: "colonies/denied" });
    await of(second).colony.removeUser("ada");
    await server().server.removeColony(name);
    expect((await server().server.colonies()).map((entry) => entry.name)).not.toContain(name);
  });

  test("adds, approves, rejects, updates and removes executors, and keeps their functions", async () => {
    const [identity, next] = [Identity.generate(), Identity.generate()];
    const [name, type] = [unique("executor"), unique("type")];
    const added = await owner().executors.add({ id: identity.id, name, type, locationName: "here" });
    expect([added.state, added.lastHeardAt, added.locationName]).toEqual(["pending", undefined, "here"]);
    await owner().executors.reject(name);
    await owner().executors.approve(name);
    const self = as(identity);
    const software = [{ name: "x", type: "agent", version: "1" }];
    await self.executors.updateCapabilities(name, { hardware: [], software });
    await self.executors.reportAllocations(name, { projects: {} });
    const entry = await self.executors.addFunction({ name: "f", executorName: name, executorType: type });
    expect((await user().executors.functions(name)).map((fun) => [fun.id, fun.name])).toEqual([[entry.id, "f"]]);
    await self.executors.removeFunction(entry.id);
    expect(await user().executors.functions(name)).toEqual([]);
    await self.executors.changeId(next.id);
    expect((await user().executors.getById(next.id)).name).toBe(name);
    const read = await user().executors.get(name);
    expect([read.state, read.capabilities["software"]]).toEqual(["approved", software]);
    await owner().executors.remove(name);
    expect((await user().executors.list()).find((executor) => executor.name === name)?.state).toBe("unregistered");
  });

  test("submits, assigns, logs and closes processes", async () => {
    const { type, worker } = await newWorker();
    const label = unique("label");
    const process = await user().processes.submit(specOf(type, { label }));
    expect((await user().processes.list({ state: "waiting", label })).map(({ id }) => id)).toEqual([process.id]);
    expect((await worker.processes.assign())?.id).toBe(process.id);
    const key = unique("key");
    const attribute = await worker.processes.addAttribute({
      targetid: process.id,
      targetcolonyname: "dev",
      targetprocessgraphid: "",
      attributetype: 1,
      key,
      value: "v",
    });
    expect(await user().processes.getAttribute(textOf(attribute["attributeid"]))).toMatchObject({ key, value: "v" });
    await worker.processes.addLog(process.id, `one ${label}\n`);
    await worker.processes.addLog(process.id, "two\0\n");
    const logs = await user().logs.ofProcess(process.id);
    expect(logs.map((entry) => entry.message)).toEqual([`one ${label}\n`, "two\uFFFD\n"]);
    // Nanoseconds do not fit into a double: what is read is asked for again, exactly.
    expect(logs.every((entry) => entry.timestampNs > 2n ** 53n)).toBe(true);
    const [first] = logs;
    const later = await user().logs.ofProcess(process.id, { sinceNs: first?.timestampNs ?? 0n });
    expect(later.map((entry) => entry.message)).toEqual(["two\uFFFD\n"]);
    expect((await user().logs.search(label, 1)).map((entry) => entry.processId)).toEqual([process.id]);
    await worker.logs.addForExecutor(type, "hello");
    expect((await user().logs.ofExecutor(type)).map((entry) => entry.message)).toContain("hello");
    await worker.processes.setOutput(process.id, ["early"]);
    await worker.processes.closeSuccessful(process.id, [{ a: 1 }]);
    const after = await user().processes.get(process.id);
    expect([after.state, after.output, after.priorityTime > 2n ** 53n]).toEqual(["success", [{ a: 1 }], true]);
    const history = await user().processes.history(60, "success");
    expect(history.map(({ id }) => id)).toContain(process.id);
    await user().processes.remove(process.id);
  });

  test("fails, cancels and removes processes", async () => {
    const { type, worker } = await newWorker();
    const [failed, cancelled] = [
      await user().processes.submit(specOf(type)),
      await user().processes.submit(specOf(type)),
    ];
    await worker.processes.assign();
    await worker.processes.closeFailed(failed.id, ["a", "b"]);
    expect((await user().processes.get(failed.id)).errors).toEqual(["a", "b"]);
    await user().processes.cancel(cancelled.id);
    const again = user().processes.cancel(cancelled.id);
    await expect(again).rejects.toMatchObject({ code: "colonies/state" });
    expect(serverStatus(await again.catch((error: unknown) => error))).toBe(400);
    await owner().processes.removeAll("cancelled");
    await expect(user().processes.get(cancelled.id)).rejects.toMatchObject({ code: "colonies/not-found" });
  });

  test("runs a workflow to its end, with a child that was added", async () => {
    const { type, worker } = await newWorker();
    const submitted = await user().workflows.submit([
      { ...specOf(type), nodename: "a" },
      { ...specOf(type), nodename: "b", conditions: { executortype: type, dependencies: ["a"] } },
    ]);
    expect((await user().workflows.list("waiting")).map(({ id }) => id)).toContain(submitted.id);
    const parent = await worker.processes.assign();
    if (parent === undefined) throw new Error("nothing was assigned");
    const child = { workflowId: submitted.id, parentId: parent.id, spec: { ...specOf(type), nodename: "c" } };
    await worker.workflows.addChild(child);
    await worker.processes.closeSuccessful(parent.id, ["from a"]);
    for (let turn = 0; turn < 2; turn++) {
      const next = await worker.processes.assign();
      expect(next?.input).toEqual(["from a"]);
      await worker.processes.closeSuccessful(next?.id ?? "");
    }
    const workflow = await user().workflows.get(submitted.id);
    expect([workflow.state, workflow.processIds.length]).toEqual(["success", 3]);
    await user().workflows.remove(workflow.id);
    const other = await user().workflows.submit([{ ...specOf(type), nodename: "a" }]);
    await user().workflows.cancel(other.id);
    await owner().workflows.removeAll("cancelled");
    await expect(user().workflows.get(other.id)).rejects.toMatchObject({ code: "colonies/not-found" });
  });

  test("keeps crons and generators", async () => {
    const { type, worker } = await newWorker();
    const functionSpecs = [{ ...specOf(type), nodename: "a" }];
    const cron = await user().crons.add({ name: unique("cron"), expression: "0 0 3 * * *", functionSpecs });
    expect((await user().crons.list()).map(({ id }) => id)).toContain(cron.id);
    await user().crons.run(cron.id);
    const ran = await worker.processes.assign();
    expect(ran?.initiatorName).toBe("myuser");
    expect((await user().crons.get(cron.id)).expression).toBe("0 0 3 * * *");
    await user().crons.remove(cron.id);
    const name = unique("generator");
    const generator = await user().generators.add({ name, functionSpecs, trigger: 2 });
    await user().generators.pack(generator.id, "x");
    expect((await user().generators.get(generator.id)).trigger).toBe(2);
    expect((await user().generators.resolve(name)).id).toBe(generator.id);
    expect((await user().generators.list()).map(({ id }) => id)).toContain(generator.id);
    await user().generators.pack(generator.id, "y");
    const given = await until(
      () => worker.processes.assign({ waitSeconds: 1 }),
      (process) => process !== undefined,
    );
    expect(given?.spec["args"]).toEqual(["x", "y"]);
    await user().generators.remove(generator.id);
  });

  test("keeps definitions and blueprints", async () => {
    const { type, worker } = await newWorker();
    const [kind, plain] = [unique("Kind"), unique("Kind")];
    const definition = (of: string, handler: string) =>
      owner().blueprints.addDefinition(`${of}s`, {
        names: { kind: of },
        handler: { executorType: handler, functionName: handler === "" ? "" : "reconcile" },
      });
    expect((await definition(plain, "")).kind).toBe(plain);
    await definition(kind, type);
    expect((await user().blueprints.definition(`${plain}s`))?.kind).toBe(plain);
    expect(await user().blueprints.definition("none")).toBeUndefined();
    expect((await user().blueprints.definitions()).map((entry) => entry.kind)).toContain(kind);
    const name = unique("b");
    const added = await user().blueprints.add({ kind: plain, name, labels: { a: "b" }, spec: { x: 1 } });
    expect([added.labels, added.generation]).toEqual([{ a: "b" }, 1]);
    await user().blueprints.setStatus(name, { phase: "one" });
    expect((await user().blueprints.get(name))?.status).toEqual({ phase: "one" });
    const same = { kind: plain, name, spec: { x: 1 } };
    expect((await user().blueprints.update(same)).generation).toBe(1);
    expect((await user().blueprints.update(same, { forceGeneration: true })).generation).toBe(2);
    expect((await user().blueprints.list(plain)).map((entry) => entry.name)).toEqual([name]);
    const history = await user().blueprints.history(added.id);
    expect(history.at(-1)?.changeType).toBe("create");
    expect(await user().blueprints.get("none")).toBeUndefined();
    const twice = user().blueprints.add({ kind: plain, name, spec: {} });
    await expect(twice).rejects.toMatchObject({ code: "colonies/exists", context: { status: 409 } });
    await expect(owner().blueprints.removeDefinition(`${plain}s`)).rejects.toMatchObject({ code: "colonies/in-use" });
    for (const spec of [{ x: "a\0" }, { "a\0": 1 }]) {
      const poisoned = user().blueprints.add({ kind: plain, name: unique("b"), spec });
      await expect(poisoned).rejects.toMatchObject({ code: "colonies/invalid-spec" });
    }
    await user().blueprints.remove(name);
    await owner().blueprints.removeDefinition(`${plain}s`);
    const handled = unique("b");
    await user().blueprints.add({ kind, name: handled, spec: {} });
    expect((await worker.processes.assign())?.functionName).toBe("reconcile");
    expect((await user().blueprints.reconcile(handled)).functionName).toBe("reconcile");
    await user().blueprints.remove(handled);
  });

  test("keeps file records and snapshots", async () => {
    const label = `/${unique("label")}`;
    const record = (checksum: string) => ({
      label,
      name: "f",
      size: 5_000_000_000,
      checksum,
      checksumalg: "SHA256",
      ref: { protocol: "s3", s3object: { server: "", port: -1, object: "o", bucket: "b" } },
    });
    await user().files.add(record("one"));
    const second = await user().files.add(record("two"));
    const versions = await user().files.get(label, "f");
    expect(versions.map((file) => [file.checksum, file.sizeBytes])).toEqual([
      ["two", 5_000_000_000n],
      ["one", 5_000_000_000n],
    ]);
    expect((await user().files.getById(second.id)).map((file) => file.checksum)).toEqual(["two"]);
    expect((await user().files.list(label)).map((file) => file.checksum)).toEqual(["two"]);
    expect(await user().files.labels(label)).toEqual([label]);
    const name = unique("snapshot");
    const snapshot = await user().files.createSnapshot(label, name);
    expect(snapshot.fileIds).toEqual([second.id]);
    expect((await user().files.snapshotById(snapshot.id)).name).toBe(name);
    expect((await user().files.snapshot(name)).id).toBe(snapshot.id);
    expect((await user().files.snapshots()).map((entry) => entry.name)).toContain(name);
    await user().files.removeSnapshot(name);
    await user().files.createSnapshot(label, unique("snapshot"));
    await user().files.removeAllSnapshots();
    expect(await user().files.snapshots()).toEqual([]);
    await user().files.removeById(second.id);
    await user().files.remove(label, "f");
    await expect(user().files.get(label, "f")).rejects.toMatchObject({ code: "colonies/not-found" });
  });

  test("carries five megabytes there and back", async () => {
    const { type, worker } = await newWorker();
    const text = "ä".repeat(2_500_000);
    const process = await user().processes.submit({ ...specOf(type), kwargs: { text } });
    expect((await worker.processes.assign())?.spec["kwargs"]).toEqual({ text });
    await worker.processes.closeSuccessful(process.id, [text]);
    expect((await user().processes.get(process.id)).output).toEqual([text]);
  });

  test("tells strangers apart: an empty answer, and a refusal with its status", async () => {
    const stranger = as(Identity.generate());
    const plain = new ColoniesClient({ endpoint: colony.endpoint, colonyName: "dev", identity: Identity.generate() });
    await expect(plain.colony.statistics()).rejects.toMatchObject({ code: "colonies/no-answer" });
    await expect(plain.processes.history(60, "waiting")).rejects.toMatchObject({ code: "colonies/no-answer" });
    await expect(stranger.executors.list()).rejects.toMatchObject({
      code: "colonies/denied",
      context: { status: 403 },
    });
  });

  test("an assign call is given up by a signal, and the executor stays usable", async () => {
    const { type, worker } = await newWorker();
    const abort = new AbortController();
    const waiting = worker.processes.assign({ waitSeconds: 50, signal: abort.signal });
    await sleep(300);
    const reason = new Error("enough");
    abort.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    const process = await user().processes.submit(specOf(type));
    // The server may not have noticed yet that nobody waits; the process is not lost to the abandoned call.
    const given = await until(
      () => worker.processes.assign({ waitSeconds: 1 }),
      (answer) => answer !== undefined,
    );
    expect(given?.id).toBe(process.id);
    expect(isFinal((await user().processes.get(process.id)).state)).toBe(false);
  });

  test("a report of being alive takes nothing", async () => {
    const { type, worker } = await newWorker();
    const process = await user().processes.submit(specOf(type));
    const report = { waitSeconds: -1, availableCpu: "-1m", availableMemory: "-1Mi" };
    expect(await worker.processes.assign(report)).toBeUndefined();
    expect((await user().executors.get(type)).lastHeardAt).toBeInstanceOf(Date);
    expect((await worker.processes.assign({ waitSeconds: -1 }))?.id).toBe(process.id);
  });

  test("takes other calls by their payload type", async () => {
    for (const payloadType of withoutMethod) {
      const fault = await user()
        .call(payloadType, { colonyname: "dev" })
        .catch((error: unknown) => error);
      expect(coveredCalls).not.toContain(payloadType);
      // Refused or answered, but known to the server of which this is the catalogue.
      if (isReal) expect(String(fault)).not.toContain("invalid rpcMsg.PayloadType");
    }
  });

  test("has called every row of the catalogue with success", () => {
    expect(coveredCalls.filter((payloadType) => !answered.has(payloadType))).toEqual([]);
  });
});

describe("what a network may do to a call", () => {
  let colony: TestColony;
  beforeAll(async () => {
    colony = await startEmbedded();
  });
  afterAll(async () => colony?.stop());

  test("a server that accepts and says nothing is given up after the call's own limit", async () => {
    const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    try {
      const client = new ColoniesClient({ ...colony, endpoint: `http://127.0.0.1:${silent.port}`, colonyName: "dev" });
      const call = client.as(colony.user).colony.get({ timeoutMs: 200 });
      await expect(call).rejects.toMatchObject({ code: "colonies/timeout", kind: "deadline_exceeded" });
    } finally {
      silent.stop(true);
    }
  });

  test("a server that hangs up in mid-answer is unreachable", async () => {
    const cut = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data(socket) {
          socket.end("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{");
        },
      },
    });
    try {
      const client = new ColoniesClient({ endpoint: `http://127.0.0.1:${cut.port}`, colonyName: "dev" });
      await expect(client.as(colony.user).colony.get()).rejects.toMatchObject({ code: "colonies/unreachable" });
    } finally {
      cut.stop(true);
    }
  });

  test("a signal that is aborted already sends nothing", async () => {
    let sent = 0;
    const fetchOnce: Fetch = async (url, init) => {
      sent++;
      return fetch(url, init);
    };
    const client = new ColoniesClient({
      endpoint: colony.endpoint,
      colonyName: "dev",
      identity: colony.user,
      fetch: fetchOnce,
    });
    const reason = new Error("no");
    await expect(client.colony.get({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(sent).toBe(0);
  });

  test("a forwarded refusal counts although HTTP says 200, for assign too", async () => {
    const forwarded: Fetch = async () => reply({ status: 404, message: "No process available for assignment" }, true);
    const client = new ColoniesClient({
      endpoint: colony.endpoint,
      colonyName: "dev",
      identity: colony.user,
      fetch: forwarded,
    });
    expect(await client.processes.assign()).toBeUndefined();
    const denied: Fetch = async () => reply({ status: 403, message: "Access denied, not colony owner" }, true);
    const other = new ColoniesClient({
      endpoint: colony.endpoint,
      colonyName: "dev",
      identity: colony.user,
      fetch: denied,
    });
    const error = await other.processes.assign().catch((fault: unknown) => fault);
    expect([serverStatus(error), (error as { code?: string }).code]).toEqual([403, "colonies/denied"]);
  });
});
