import type { CancelSignal, Digest } from "@cpm/base";
import { agentError } from "../errors.ts";
import { runConfined } from "../isolation/confined-process.ts";
import type { PathRule } from "../isolation/landlock.ts";
import type { VerifyProgramRequest } from "./verify-program.ts";
import { unasked, WorkerDialogue } from "./worker-dialogue.ts";

export interface VerifyJob {
  /** At most so much is read a second. Default: as much as the disk gives. */
  readonly bytesPerSecond?: number | undefined;
  readonly onBytes?: (addedBytes: number) => void;
  readonly signal?: CancelSignal | undefined;
}

/** What of a tree is not what it should be. */
export interface Damage {
  /** The first thousand of them. */
  readonly paths: readonly string[];
  readonly count: number;
}

export interface WorkerVerifierOptions {
  /** Resident memory of a worker. Default 256 MiB. */
  readonly memoryBytes?: number;
  /** How this program is started again. */
  readonly command?: readonly string[];
}

export const defaultWorkerBytes = 256 * 1024 * 1024;
const silenceMs = 60_000;
/** Silence ends what hangs; what goes on may take as long as the largest package takes at the lowest rate. */
const timeoutMs = 7 * 24 * 60 * 60_000;

/** Reads trees and blobs again, in a process that can do nothing else: it bears whatever a listing or a disk does to it. */
export class WorkerVerifier {
  readonly #options: WorkerVerifierOptions;

  constructor(options: WorkerVerifierOptions = {}) {
    this.#options = options;
  }

  /** Rejects with the signal's reason, and with what ends a worker (`agent/worker-…`). */
  async verifyTree(folder: string, digest: Digest, job: VerifyJob = {}): Promise<Damage> {
    return this.#verify({ tree: { folder, digest } }, [{ path: folder, rights: ["readFile", "readDirectory"] }], job);
  }

  /** Whether a blob is what its name says; one that is not there is not. */
  async verifyBlob(path: string, digest: Digest, job: VerifyJob = {}): Promise<boolean> {
    const { count } = await this.#verify({ blob: { path, digest } }, [{ path, rights: ["readFile"] }], job);
    return count === 0;
  }

  async #verify(
    request: VerifyProgramRequest,
    paths: readonly PathRule[],
    { bytesPerSecond, onBytes = () => {}, signal }: VerifyJob,
  ): Promise<Damage> {
    const damagedPaths: string[] = [];
    let count: number | undefined;
    const dialogue = new WorkerDialogue((message) => {
      if (message.type === "progress") onBytes(message.addedBytes);
      else if (message.type === "damaged") damagedPaths.push(message.path);
      else if (message.type === "damage") count = message.count;
      else throw unasked();
    });
    const { memoryBytes = defaultWorkerBytes, command } = this.#options;
    await runConfined(
      {
        program: "verify",
        paths,
        limits: { fileSizeBytes: 0, openFiles: 164 },
        files: [],
        request: JSON.stringify({ ...request, bytesPerSecond } satisfies VerifyProgramRequest),
        onLine: (line) => dialogue.take(line),
        memoryBytes,
        silenceMs,
        timeoutMs,
        signal,
      },
      command,
    );
    dialogue.end();
    if (count === undefined) throw agentError("agent/worker-output", "the worker ended without saying what it found");
    return { paths: damagedPaths, count };
  }
}
