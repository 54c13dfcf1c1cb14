import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JsonObject } from "@cpm/base";
import { Identity, waitForProcess } from "@cpm/colonies";
import type { ExecutorEvent, Process } from "@cpm/colonies";
import { localExecutorType, registerLocalExecutor, startLocalExecutor } from "@cpm/dev-colony/local-executor";
import type { LocalExecutorLimits, LocalExecutorOptions } from "@cpm/dev-colony/local-executor";
import { startEmbedded } from "./colony-under-test.ts";
import type { TestColony } from "./colony-under-test.ts";
import { until } from "./until.ts";

const secret = "a-secret-of-the-executor";
const graceMs = 400;

describe("the local executor", () => {
  const folder = mkdtempSync(join(tmpdir(), "cpm-local-executor-"));
  const packagesRoot = join(folder, "packages");
  const root = join(packagesRoot, "trees/sha256", "b".repeat(64), "root");
  let colony: TestColony;
  let number = 0;
  const stops: (() => Promise<void>)[] = [];
  const jobFolders = () => readdirSync(tmpdir()).filter((name) => name.startsWith("cpm-job-"));
  let jobsBefore: string[] = [];

  beforeAll(async () => {
    jobsBefore = jobFolders();
    mkdirSync(root, { recursive: true });
    process.env["LOCAL_EXECUTOR_SECRET"] = secret;
    colony = await startEmbedded();
  });
  afterEach(async () => {
    await Promise.all(stops.splice(0).map((stop) => stop()));
  });
  afterAll(async () => {
    delete process.env["LOCAL_EXECUTOR_SECRET"];
    await colony?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A program of the package, as a shell script. */
  const program = (script: string): string => {
    const path = join(root, `program-${++number}`);
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
    return path;
  };
  const start = async (options: { limits?: Partial<LocalExecutorLimits>; slots?: number } = {}) => {
    const owner = colony.client.as(colony.colonyOwner);
    const { name, identity } = await registerLocalExecutor(owner, `local-${++number}`);
    const abort = new AbortController();
    const events: ExecutorEvent[] = [];
    const settings: LocalExecutorOptions = {
      client: colony.client.as(identity),
      executorName: name,
      packagesRoot,
      signal: abort.signal,
      onEvent: (event) => events.push(event),
      limits: { graceMs, ...options.limits },
      pace: { waitSeconds: 1, watchMs: 200 },
      ...(options.slots === undefined ? {} : { slots: options.slots }),
    };
    const ended = startLocalExecutor(settings);
    const stop = async () => {
      abort.abort();
      await ended;
    };
    stops.push(stop);
    return { name, events, stop };
  };
  const submit = (cmd: string, kwargs: JsonObject = {}, fields: JsonObject = {}): Promise<Process> =>
    colony.client.processes.submit({
      funcname: "execute",
      kwargs: { cmd, ...kwargs },
      ...fields,
      conditions: { executortype: localExecutorType },
    });
  const run = async (cmd: string, kwargs: JsonObject = {}, fields: JsonObject = {}): Promise<Process> => {
    const { id } = await submit(cmd, kwargs, fields);
    return await waitForProcess(colony.client, id, { timeoutMs: 40_000 });
  };
  const logOf = async ({ id }: Process): Promise<string> =>
    (await colony.client.logs.ofProcess(id)).map((entry) => entry.message).join("");

  test("runs a program with its arguments as they are, and keeps what it printed", async () => {
    await start();
    const cmd = program('for argument in "$@"; do echo "<$argument>"; done; echo bad >&2');
    const process = await run(cmd, { args: ["a b", "$HOME", "*", "", "ä"] });
    expect([process.state, process.output]).toEqual(["success", []]);
    const lines = (await logOf(process)).split("\n");
    expect(lines.filter((line) => line.startsWith("<"))).toEqual(["<a b>", "<$HOME>", "<*>", "<>", "<ä>"]);
    expect(lines).toContain("bad");
  });

  test("gives it standard input, and bears that it is not read", async () => {
    await start();
    const read = await run(program("cat"), { stdin: "one\ntwo" });
    expect(await logOf(read)).toBe("one\ntwo\n");
    const unread = await run(program("exit 0"), { stdin: "x".repeat(1_000_000) });
    expect(unread.state).toBe("success");
    expect(await logOf(await run(program("cat; echo end")))).toBe("end\n");
  });

  test("gives it a small environment of its own, and nothing of the executor's", async () => {
    await start();
    const env = { NAME: "value", LANG: "de_DE.UTF-8", CPM_OUTPUT: "/tmp/forged" };
    const process = await run(program("env | sort; pwd"), {}, { env });
    const lines = (await logOf(process)).trim().split("\n");
    const workDirectory = lines.at(-1) ?? "";
    const variables = Object.fromEntries(lines.slice(0, -1).map((line) => line.split("=", 2) as [string, string]));
    const own = new Set(["_", "PWD", "OLDPWD", "SHLVL"]);
    expect(
      Object.keys(variables)
        .filter((name) => !own.has(name))
        .toSorted(),
    ).toEqual(["COLONIES_PROCESS_ID", "CPM_INPUT", "CPM_OUTPUT", "HOME", "LANG", "NAME", "PATH", "TMPDIR"]);
    expect(variables).toMatchObject({
      COLONIES_PROCESS_ID: process.id,
      HOME: workDirectory,
      TMPDIR: workDirectory,
      LANG: "de_DE.UTF-8",
      NAME: "value",
    });
    expect(variables["CPM_OUTPUT"]).not.toBe("/tmp/forged");
    expect(JSON.stringify(lines)).not.toContain(secret);
  });

  test("starts it in an empty folder, which is gone afterwards, whatever was left in it", async () => {
    await start();
    const cmd = program('ls -A | wc -l; mkdir -p a/b; touch a/b/c; chmod 0 a/b; echo "$HOME"');
    const process = await run(cmd);
    const [count, home = ""] = (await logOf(process)).trim().split("\n");
    expect([count?.trim(), existsSync(home)]).toEqual(["0", false]);
  });

  test("starts it as the leader of a group of its own, without a shell", async () => {
    await start();
    const process = await run(program("ps -o pid=,pgid= -p $$"));
    const [pid, group] = (await logOf(process)).trim().split(/\s+/);
    expect(pid).toBe(group ?? "");
  });

  test("hands over the outputs of parents, and takes one JSON value for each line", async () => {
    await start();
    const conditions = { executortype: localExecutorType };
    const node = { funcname: "execute", conditions };
    const first = program(`printf '{"n":9007199254740993}\\n\\n"text"\\n[1, 2]' > "$CPM_OUTPUT"`);
    const second = program('cat "$CPM_INPUT" >> "$CPM_OUTPUT"');
    const workflow = await colony.client.workflows.submit([
      { ...node, nodename: "a", kwargs: { cmd: first } },
      { ...node, nodename: "b", kwargs: { cmd: second }, conditions: { ...conditions, dependencies: ["a"] } },
    ]);
    const { processIds } = await colony.client.workflows.get(workflow.id);
    const ended = await Promise.all(processIds.map((id) => waitForProcess(colony.client, id, { timeoutMs: 40_000 })));
    const values = [{ n: 9_007_199_254_740_993n }, "text", [1, 2]];
    expect(ended.map((process) => process.output)).toEqual([values, [values]]);
  });

  test("a failing program fails the process with its status and its last complaint", async () => {
    await start();
    const loud = await run(program("echo out; echo first >&2; echo 'the reason' >&2; echo >&2; exit 3"));
    expect([loud.state, loud.errors]).toEqual(["failed", ["exit status 3: the reason [executor/exit-status]"]]);
    const silent = await run(program("exit 1"));
    expect(silent.errors).toEqual(["exit status 1 [executor/exit-status]"]);
    expect(await logOf(loud)).toContain("out\n");
  });

  test("a program that was killed says by what", async () => {
    await start();
    expect((await run(program("kill -9 $$"))).errors).toEqual(["killed by SIGKILL [executor/killed]"]);
  });

  test.each([
    [
      "that is no JSON",
      `echo '{"a":1}' > "$CPM_OUTPUT"; echo '{"a":' >> "$CPM_OUTPUT"`,
      "executor/invalid-output",
      "line 2",
    ],
    ["that is no UTF-8", `printf '"\\377"' > "$CPM_OUTPUT"`, "executor/invalid-output", "UTF-8"],
    ["that is a link", 'ln -s /etc/passwd "$CPM_OUTPUT"', "executor/invalid-output", "regular"],
    ["that is too long", `head -c 2000 /dev/zero | tr '\\0' 1 > "$CPM_OUTPUT"`, "executor/limit", "1000"],
    ["of too many values", `seq 6 > "$CPM_OUTPUT"`, "executor/limit", "5"],
  ])("output %s fails the process", async (_, script, code, part) => {
    await start({ limits: { maxOutputBytes: 1000, maxOutputValues: 5 } });
    const process = await run(program(script));
    expect([process.state, process.output]).toEqual(["failed", []]);
    expect(process.errors[0]).toContain(`[${code}]`);
    expect(process.errors[0]).toContain(part);
  });

  test("a failing program's output is not kept", async () => {
    await start();
    expect((await run(program('echo 1 > "$CPM_OUTPUT"; exit 1'))).output).toEqual([]);
  });

  test("programs of the machine are refused, and packages' own are named where they are missing", async () => {
    await start();
    for (const cmd of ["/bin/sh", "sh", `${root}/../../../../../outside`]) {
      const process = await run(cmd, { args: ["-c", "echo pwned"] });
      expect([process.state, process.errors[0]]).toEqual([
        "failed",
        expect.stringContaining("[executor/outside-packages]"),
      ]);
    }
    expect((await run(join(root, "none"))).errors[0]).toContain("[executor/no-program]");
    const damaged = join(root, "damaged");
    writeFileSync(damaged, "#!/no/such/interpreter\n", { mode: 0o755 });
    expect((await run(damaged)).errors[0]).toContain("[executor/no-program]");
    expect((await run(program("true"), {}, { env: { LD_PRELOAD: "/x.so" } })).errors[0]).toContain(
      "[executor/invalid-environment]",
    );
    expect((await run(program("true"), { args: "x" })).errors[0]).toContain("[executor/invalid-command]");
  });

  test("a function of another name fails", async () => {
    await start();
    expect((await run(program("true"), {}, { funcname: "other" })).errors[0]).toContain("no function");
  });

  test("a long log comes in order and in few entries, and ends with a note at its limit", async () => {
    await start({ limits: { maxLogBytes: 40_000 } });
    const whole = await run(program("seq 5000"));
    expect(await logOf(whole)).toBe(Array.from({ length: 5000 }, (_, index) => `${index + 1}\n`).join(""));
    const entries = await colony.client.logs.ofProcess(whole.id);
    expect(entries.length).toBeLessThan(200);
    const cut = await run(program("seq 50000; echo 1 > $CPM_OUTPUT"));
    const log = await logOf(cut);
    expect([cut.state, cut.output]).toEqual(["success", [1]]);
    expect(log.length).toBeLessThanOrEqual(40_100);
    expect(log.endsWith("[the log ends here: it is limited to 40000 bytes]\n")).toBe(true);
  });

  test("bytes that are no text do not stop the log", async () => {
    await start();
    const process = await run(program("printf 'a\\000b\\377c\\nnext\\n'"));
    expect(await logOf(process)).toBe("a\uFFFDb\uFFFDc\nnext\n");
  });

  const pidFile = () => join(folder, `pids-${++number}`);
  const pidsIn = (path: string) => readFileSync(path, "utf8").trim().split("\n").map(Number);
  const isAlive = (pid: number) => {
    try {
      process.kill(pid, 0);
      return true;
    } catch {
      return false;
    }
  };
  const areGone = (path: string) =>
    until(
      () => pidsIn(path).filter(isAlive),
      (alive) => alive.length === 0,
    );

  test("a cancelled program gets SIGTERM first, with all that it started", async () => {
    const { events } = await start();
    const path = pidFile();
    const cmd = program(
      `trap 'echo asked >> ${path}.term; exit 0' TERM; sleep 100 & echo $! > ${path}; echo $$ >> ${path}; wait`,
    );
    const { id } = await submit(cmd);
    await until(() => existsSync(path) && pidsIn(path).length === 2, Boolean);
    await colony.client.processes.cancel(id);
    await until(() => events.some((event) => event.kind === "lost"), Boolean);
    await areGone(path);
    expect(readFileSync(`${path}.term`, "utf8")).toBe("asked\n");
    expect((await colony.client.processes.get(id)).state).toBe("cancelled");
  });

  test("a program that ignores SIGTERM is killed after the grace, with all that it started", async () => {
    const { events } = await start();
    const path = pidFile();
    const cmd = program(
      `trap '' TERM; (trap '' TERM; sleep 100) & echo $! > ${path}; echo $$ >> ${path}; wait; sleep 100`,
    );
    const { id } = await submit(cmd);
    await until(() => existsSync(path) && pidsIn(path).length === 2, Boolean);
    await colony.client.processes.cancel(id);
    await until(() => events.some((event) => event.kind === "lost"), Boolean);
    await areGone(path);
  });

  test("a process that is taken away ends its program, and is run again after approval", async () => {
    const { name, events } = await start();
    const path = pidFile();
    const { id } = await submit(
      program(`echo $$ >> ${path}; if [ $(wc -l < ${path}) -gt 1 ]; then exit 0; fi; sleep 100`),
    );
    await until(() => existsSync(path) && pidsIn(path).length === 1, Boolean);
    const owner = colony.client.as(colony.colonyOwner);
    await owner.executors.remove(name);
    await areGone(path);
    await owner.executors.approve(name);
    const after = await waitForProcess(colony.client, id, { timeoutMs: 40_000 });
    expect([after.state, pidsIn(path).length]).toEqual(["success", 2]);
    // The first run asks again after a pause what became of it: the second one may be over before that.
    await until(() => events.some((event) => event.kind === "lost"), Boolean);
    expect(events.filter((event) => event.kind === "lost")).toHaveLength(1);
  });

  test("what a program leaves running ends with it, and does not hold the process", async () => {
    await start();
    const path = pidFile();
    const process = await run(program(`sleep 100 & echo $! > ${path}; echo done`));
    expect([process.state, await logOf(process)]).toEqual(["success", "done\n"]);
    await areGone(path);
  });

  test("a descendant that left the group does not hold the process either", async () => {
    await start();
    const path = pidFile();
    const cmd = program(
      `setsid sh -c 'echo $$ > ${path}; exec sleep 100' & while [ ! -s ${path} ]; do sleep 0.1; done; echo done`,
    );
    const ended = await run(cmd);
    expect([ended.state, await logOf(ended)]).toEqual(["success", "done\n"]);
    for (const pid of pidsIn(path)) process.kill(pid, "SIGKILL");
  });

  test("stopping ends the programs and fails their processes", async () => {
    const { stop } = await start();
    const path = pidFile();
    const { id } = await submit(program(`echo $$ > ${path}; sleep 100`));
    await until(() => existsSync(path) && pidsIn(path).length === 1, Boolean);
    await stop();
    await areGone(path);
    const after = await colony.client.processes.get(id);
    expect([after.state, after.errors[0]]).toEqual(["failed", expect.stringContaining("the executor stops")]);
  });

  test("runs as many programs at once as it has slots", async () => {
    await start({ slots: 2 });
    const path = pidFile();
    // Each waits until both are there.
    const cmd = program(`echo $$ >> ${path}; while [ $(wc -l < ${path}) -lt 2 ]; do sleep 0.1; done`);
    const [first, second] = await Promise.all([run(cmd), run(cmd)]);
    expect([first.state, second.state]).toEqual(["success", "success"]);
  });

  describe("registering", () => {
    const owner = () => colony.client.as(colony.colonyOwner);

    test("makes a key, and the executor is approved and says what machine it is on", async () => {
      const { name, identity } = await registerLocalExecutor(owner(), "fresh");
      const executor = await colony.client.executors.get(name);
      expect([name, executor.id, executor.state, executor.type]).toEqual([
        "fresh",
        identity.id,
        "approved",
        localExecutorType,
      ]);
      expect(executor.capabilities["hardware"]).toMatchObject([{ platform: process.platform }]);
    });

    test("with a stored key keeps its name and revives it", async () => {
      const stored = await registerLocalExecutor(owner(), "stored");
      await owner().executors.remove("stored");
      expect((await registerLocalExecutor(owner(), "stored", stored.identity)).name).toBe("stored");
      expect((await colony.client.executors.get("stored")).state).toBe("approved");
    });

    test("leaves a name that belongs to another key, and keeps the number afterwards", async () => {
      await registerLocalExecutor(owner(), "taken");
      const second = await registerLocalExecutor(owner(), "taken");
      expect(second.name).toBe("taken-2");
      expect((await registerLocalExecutor(owner(), "taken")).name).toBe("taken-3");
      expect((await registerLocalExecutor(owner(), "taken", second.identity)).name).toBe("taken-2");
    });

    test("takes a stored key that this colony does not know", async () => {
      const identity = Identity.generate();
      expect(await registerLocalExecutor(owner(), "moved", identity)).toEqual({ name: "moved", identity });
    });

    test("refuses the key of a user and of another executor", async () => {
      const other = await colony.addExecutor("other-type", "other-type");
      for (const identity of [colony.user, other]) {
        const run = registerLocalExecutor(owner(), "never", identity);
        await expect(run).rejects.toMatchObject({ code: "executor/foreign-key" });
      }
    });
  });

  test("no folder of any job is left", () =>
    expect(jobFolders().filter((name) => !jobsBefore.includes(name))).toEqual([]));
});
