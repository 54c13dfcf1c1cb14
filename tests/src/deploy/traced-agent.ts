import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openAgent } from "@cpm/agent-client";
import { debianPrograms, installDebianProgram } from "@cpm/dev-colony/programs";
import { defaultCacheDirectory } from "@cpm/dev-colony/real-colony";
import type { SystemdTools } from "./systemd-tools.ts";

/** Neither root nor nobody, and nobody else's. */
const userId = 64_321;

const ids = [`--reuid=${userId}`, `--regid=${userId}`, "--clear-groups"];

/** Why another user cannot work in a temporary directory here; undefined where they can. */
export function whyNoOtherUser(): string | undefined {
  if (process.getuid?.() !== 0) return "only root can start it as another user";
  const folder = mkdtempSync(join(tmpdir(), "cpm-reached-"));
  chmodSync(folder, 0o755);
  const { success } = Bun.spawnSync(["setpriv", ...ids, "test", "-x", folder]);
  rmSync(folder, { recursive: true });
  return success ? undefined : `another user does not get to ${folder}`;
}

export interface AgentTrace {
  /** Names of the system calls that the kernel was asked for, by the agent and all that it started. */
  readonly calls: ReadonlySet<string>;
  /** Paths that were opened to be written. */
  readonly written: readonly string[];
  /** Kinds of sockets that were asked for. */
  readonly families: ReadonlySet<string>;
  readonly root: string;
}

/**
 * Starts the compiled agent by systemd's own socket activation, as a user of its own without any privilege, lets it install
 * a package, and tells all that it asked the kernel for until it has ended by a signal.
 */
export async function traceAgent(
  folder: string,
  tools: SystemdTools,
  registry: string,
  name: string,
): Promise<AgentTrace> {
  const strace = await installDebianProgram(debianPrograms.strace, defaultCacheDirectory());
  const [program, root, socket] = [join(folder, "cpm-agent"), join(folder, "packages"), join(folder, "agent.sock")];
  buildAgent(program);
  chmodSync(folder, 0o777);
  mkdirSync(root);
  chownSync(root, userId, userId);
  const trace = join(folder, "trace");
  const libraries = [tools.env, strace.env].map((env) => env["LD_LIBRARY_PATH"] ?? "").join(":");
  const listen = [tools.path("systemd-socket-activate"), "--listen", socket, "--setenv=LD_LIBRARY_PATH"];
  const unprivileged = ["setpriv", ...ids, "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"];
  // The traced program keeps the process id that the socket is meant for.
  const traced = [strace.executable, "-D", "-f", "-q", "-o", trace];
  const serve = [program, "serve", "--root", root, "--registry", registry, "--require-isolation", "yes"];
  const child = Bun.spawn([...listen, ...unprivileged, ...traced, ...serve], {
    cwd: "/",
    env: { PATH: process.env["PATH"] ?? "", LD_LIBRARY_PATH: libraries },
    stdio: ["ignore", "ignore", "ignore"],
  });
  try {
    while (!existsSync(socket)) {
      if (child.exitCode !== null) throw new Error("the agent was not started");
      await Bun.sleep(20);
    }
    chmodSync(socket, 0o666);
    const agent = openAgent({ socket, clientName: "test", clientVersion: "0" });
    await agent.ensure({ package: { name } });
    agent.close();
    child.kill("SIGTERM");
    await child.exited;
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
  return { ...readTrace(await wholeTrace(trace)), root };
}

function buildAgent(program: string): void {
  const entry = join(import.meta.dir, "../../../apps/agent/src/main.ts");
  const flags = ["--compile", "--splitting", "--bytecode", "--format=esm", "--minify", `--outfile=${program}`];
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, "build", ...flags, entry]);
  if (exitCode !== 0) throw new Error(stderr.toString());
}

/** The tracer is a process of its own, which ends after the agent. */
async function wholeTrace(path: string): Promise<string> {
  for (let tries = 0; tries < 500; tries++) {
    const text = readFileSync(path, "utf8");
    const [first = ""] = text.split(" ", 1);
    if (new RegExp(`^${first} +\\+\\+\\+ (exited|killed)`, "m").test(text)) return text;
    await Bun.sleep(20);
  }
  throw new Error("the trace does not end");
}

function readTrace(text: string): Omit<AgentTrace, "root"> {
  const lines = text.split("\n").map((line) => line.replace(/^\d+ +/, ""));
  const calls = lines.flatMap((line) => /^([a-z_0-9]+)\(/.exec(line)?.[1] ?? []);
  const written = lines.flatMap(
    (line) => /^(?:openat|open|creat)\(.*?"([^"]+)", [A-Z_|]*(?:O_WRONLY|O_RDWR|O_CREAT)/.exec(line)?.[1] ?? [],
  );
  const families = lines.flatMap((line) => /^socket(?:pair)?\((AF_[A-Z0-9]+)/.exec(line)?.[1] ?? []);
  return { calls: new Set(calls), written, families: new Set(families) };
}
