import type { CancelSignal } from "@cpm/base";
import { runExecutor } from "@cpm/colonies";
import type { ColoniesClient, ExecutorEvent, ExecutorOptions, Job, JobHandler } from "@cpm/colonies";
import { parseCommand } from "./command.ts";
import { defaultLimits } from "./limits.ts";
import type { LocalExecutorLimits } from "./limits.ts";
import { LogWriter } from "./log-writer.ts";
import { readProgramOutput } from "./program-output.ts";
import { runProgram } from "./run-program.ts";
import { createScratch } from "./scratch.ts";
import type { Scratch } from "./scratch.ts";

/** The type by which function specs ask for it. */
export const localExecutorType = "local-executor";

const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const defaultSlots = 4;

export interface LocalExecutorOptions {
  /** With the executor's own identity: `registerLocalExecutor` makes one. */
  readonly client: ColoniesClient;
  readonly executorName: string;
  /** The root of the node's package store: programs run from the trees below it, and from nowhere else. */
  readonly packagesRoot: string;
  /** How many programs run at once. Default 4. */
  readonly slots?: number;
  readonly signal: CancelSignal;
  readonly onEvent?: (event: ExecutorEvent) => void;
  readonly limits?: Partial<LocalExecutorLimits>;
  /** The pace of the loop, for tests. */
  readonly pace?: Pick<ExecutorOptions, "waitSeconds" | "livenessMs" | "watchMs">;
}

/**
 * Runs commands of installed packages for a colony, on this machine and with this user's rights, until the signal
 * is aborted; resolves when the last program has ended. See docs/local-executor.md.
 */
export async function startLocalExecutor(options: LocalExecutorOptions): Promise<void> {
  await runExecutor({
    client: options.client,
    executorName: options.executorName,
    executorType: localExecutorType,
    handlers: { execute: executeHandler(options) },
    slots: options.slots ?? defaultSlots,
    signal: options.signal,
    ...(options.onEvent === undefined ? {} : { onEvent: options.onEvent }),
    ...options.pace,
  });
}

function executeHandler(options: LocalExecutorOptions): JobHandler {
  const limits = { ...defaultLimits, ...options.limits };
  return async (job) => {
    const command = parseCommand(job.process.spec, options.packagesRoot, limits);
    const scratch = createScratch(job.process.input);
    const log = new LogWriter((message) => job.log(message), limits);
    try {
      const environment = environmentOf(command.environment, scratch, job);
      const { workDirectory } = scratch;
      try {
        await runProgram({
          command,
          workDirectory,
          environment,
          limits,
          signal: job.signal,
          onLine: (line) => log.add(line),
        });
      } finally {
        await endLog(log, job);
      }
      return readProgramOutput(scratch.outputPath, limits);
    } finally {
      scratch.remove();
    }
  };
}

/** The log of a lost job cannot be written any more, and need not. */
async function endLog(log: LogWriter, job: Job): Promise<void> {
  try {
    await log.end();
  } catch (error) {
    if (!job.signal.aborted) throw error;
  }
}

/** Nothing of this process's own environment, where keys may be, reaches a program. */
function environmentOf(own: Readonly<Record<string, string>>, scratch: Scratch, job: Job): Record<string, string> {
  return {
    PATH: searchPath,
    HOME: scratch.workDirectory,
    TMPDIR: scratch.workDirectory,
    LANG: "C.UTF-8",
    ...own,
    COLONIES_PROCESS_ID: job.process.id,
    CPM_INPUT: scratch.inputPath,
    CPM_OUTPUT: scratch.outputPath,
  };
}
