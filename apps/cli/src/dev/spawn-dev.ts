import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "@cpm/base";
import { isRunning, makeDirectory } from "@cpm/store";
import type { CliContext } from "../context.ts";
import { cliError } from "../errors.ts";
import type { DevState } from "./dev-state.ts";
import { devFolder, readDevState } from "./dev-state.ts";
import { ownCommand } from "./own-command.ts";

const startTimeoutMs = 300_000;
const stopTimeoutMs = 30_000;
const lookEveryMs = 50;

/** Starts `cpm dev run` as a process of its own and waits until it is ready. Throws `cli/dev-failed` with its last words. */
export async function spawnDev(
  stateFolder: string,
  flags: readonly string[],
  { clock, cwd, env, signal }: CliContext,
): Promise<DevState> {
  const folder = devFolder(stateFolder);
  makeDirectory(folder, 0o700);
  const logPath = join(folder, "dev.log");
  const log = openSync(logPath, "w", 0o600);
  const child = Bun.spawn([...ownCommand(), "dev", "run", ...flags], {
    stdio: ["ignore", log, log],
    cwd,
    env: { ...env },
    detached: true,
  });
  closeSync(log);
  child.unref();
  const until = clock.now() + startTimeoutMs;
  try {
    while (clock.now() < until) {
      const state = readDevState(stateFolder);
      if (state?.process.pid === child.pid) return state;
      if (child.exitCode !== null) break;
      await clock.sleep(lookEveryMs, signal);
    }
  } catch (error) {
    child.kill();
    await child.exited;
    throw error;
  }
  child.kill();
  const lastLines = readFileSync(logPath, "utf8").trim().split("\n").slice(-5).join("\n");
  throw cliError("cli/dev-failed", `the development colony did not start: ${lastLines}`);
}

/** Asks the process to end and waits for it; it is killed when it does not. */
export async function stopDev(state: DevState, clock: Clock): Promise<void> {
  const { pid } = state.process;
  signalProcess(pid, "SIGTERM");
  const until = clock.now() + stopTimeoutMs;
  while (isRunning(state.process)) {
    if (clock.now() > until + stopTimeoutMs) throw cliError("cli/dev-failed", `the process ${pid} does not end`);
    if (clock.now() > until) signalProcess(pid, "SIGKILL");
    await clock.sleep(lookEveryMs);
  }
}

/** A process that ended meanwhile is what was wanted. */
function signalProcess(pid: number, name: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}
