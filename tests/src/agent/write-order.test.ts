import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { debianPrograms, installDebianProgram } from "@cpm/dev-colony/programs";
import { defaultCacheDirectory } from "@cpm/dev-colony/real-colony";
import { AgentSite } from "./agent-site.ts";
import { largestLayer } from "./payload.ts";

const strace = process.platform === "linux" ? await findStrace() : undefined;
const possible = strace !== undefined;
if (!possible) process.stderr.write("the order of writes is not looked at: there is no strace, or it may not trace\n");

let site: AgentSite;
beforeAll(async () => {
  if (!possible) return;
  site = await AgentSite.open();
  await site.universe.publish("rise/tools", "1.0.0", { note: "first" });
  await site.universe.publish("rise/tools", "1.1.0", { note: "second" });
});
afterAll(async () => {
  if (possible) await site.close();
});

const ensured = (version: string) => ({
  package: { name: "rise/tools", selector: { case: "range", value: version } } as const,
  lease: { id: "order", purpose: "order" },
});

test.skipIf(!possible)(
  "what is written reaches the disk in the order that ARCHITECTURE.md says",
  async () => {
    // With the first one the directories are made.
    await site.client().ensure(ensured("1.0.0"));
    const path = join(site.folder, "calls");
    const calls = "fsync,fdatasync,syncfs,rename,renameat,renameat2";
    const tracer = await traceAgent("-y", "-e", calls, "-o", path);
    await site.client().ensure(ensured("1.1.0"));
    await tracer.end();
    expect(seen(readFileSync(path, "utf8"), site.root)).toEqual(written());
  },
  60_000,
);

test.skipIf(!possible)(
  "a disk that takes long to keep a blob keeps nobody else waiting",
  async () => {
    await site.universe.publish("rise/tools", "1.2.0", { note: "third" });
    const { hex } = await largestLayer(site.universe.registry.host, "rise/tools", "1.2.0");
    const path = join(site.root, "ingest", `sha256-${hex}`);
    const slow = [
      "-e",
      "trace=fsync,fdatasync",
      "-e",
      "inject=fsync,fdatasync:delay_enter=2000000",
      "-P",
      path,
      "-o",
      "/dev/null",
    ];
    const tracer = await traceAgent(...slow);
    let answers = 0;
    const asking = new AbortController();
    const asked = (async () => {
      // oxlint-disable no-await-in-loop -- one call after another
      while (!asking.signal.aborted) {
        await site.client().checkHealth();
        if (existsSync(path)) answers++;
      }
      // oxlint-enable no-await-in-loop
    })();
    await site.client().ensure(ensured("1.2.0"));
    asking.abort();
    await asked;
    await tracer.end();
    expect(answers).toBeGreaterThan(20);
  },
  60_000,
);

/** Runs strace on the agent and all of its threads. */
async function traceAgent(...parameters: readonly string[]): Promise<{ end: () => Promise<void> }> {
  const { pid } = site.agent;
  const { executable = "", env = {} } = strace ?? {};
  const tracer = Bun.spawn([executable, "-f", "-qq", ...parameters, "-p", String(pid)], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, ...env },
  });
  while (!isTraced(pid)) await Bun.sleep(5);
  return {
    async end() {
      tracer.kill("SIGINT");
      await tracer.exited;
    },
  };
}

/** The calls that concern the packages directory but its cache, as the document writes them. */
function seen(trace: string, root: string): readonly string[] {
  return trace.split("\n").flatMap((line) => {
    const call = /^\d+ +(\w+)\((.*)\) += 0$/.exec(line);
    const [, name = "", parameters = ""] = call ?? [];
    const paths = [...parameters.matchAll(/[<"]([^<>"]+)[>"]/g)].map(([, path = ""]) => path);
    if (!paths.every((path) => path.startsWith(`${root}/`)) || paths.length === 0) return [];
    const places = paths.map((path) => placeOf(path.slice(root.length + 1)));
    return places[0]?.startsWith("cache/") === true ? [] : [`${name.replace(/at2?$/, "")} ${places.join(" ")}`];
  });
}

/** A path without what is of this run alone. */
function placeOf(path: string): string {
  return path
    .replace("rise/tools", "NAME")
    .replace("1.1.0", "VERSION")
    .replace("order.json", "LEASE.json")
    .replace(/^staging\/[^/]+/, "staging/WORK")
    .replace(/\.\d+\.\w+\.tmp$/, ".TMP")
    .replace(/^(ingest\/sha256-|blobs\/sha256\/)[0-9a-f]{64}$/, "$1LAYER")
    .replace(/^(trees\/sha256\/)[0-9a-f]{64}$/, "$1TREE");
}

/** The lines of the document. */
function written(): readonly string[] {
  const text = readFileSync(join(import.meta.dir, "../../../ARCHITECTURE.md"), "utf8");
  const section = text.split("## The order of writes")[1]?.split("\n## ")[0] ?? "";
  return [...section.matchAll(/^ {4}(\S.*)$/gm)].map(([, line = ""]) => line.replaceAll(/ +/g, " "));
}

/** With all of its threads. */
function isTraced(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every(
    (thread) => !/^TracerPid:\s+0$/m.test(readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8")),
  );
}

/** Undefined where it cannot be had or may not trace. */
async function findStrace(): Promise<Program | undefined> {
  try {
    const program = await installDebianProgram(debianPrograms.strace, defaultCacheDirectory());
    const { success } = Bun.spawnSync([program.executable, "-qq", "-o", "/dev/null", "true"], {
      env: { ...process.env, ...program.env },
    });
    return success ? program : undefined;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return undefined;
  }
}

type Program = Awaited<ReturnType<typeof installDebianProgram>>;
