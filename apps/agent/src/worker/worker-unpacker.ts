import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { isCpmError } from "@cpm/base";
import type { Descriptor } from "@cpm/oci";
import { Arrival, makeDirectory, removeFile, removeTree, SharedFiles, withFileErrors } from "@cpm/store";
import type { TreeUnpacker, UnpackJob } from "@cpm/store";
import { agentError } from "../errors.ts";
import { firstFile } from "../isolation/confine.ts";
import { runConfined } from "../isolation/confined-process.ts";
import type { ConfinedJob } from "../isolation/confined-process.ts";
import type { FileRight, PathRule } from "../isolation/landlock.ts";
import type { MeasureRequest } from "./measure-program.ts";
import { defaultWorkerBytes, WorkerVerifier } from "./worker-verifier.ts";
import { unasked, WorkerDialogue } from "./worker-dialogue.ts";
import type { InnerMessage } from "./worker-dialogue.ts";
import type { UnpackRequest } from "./unpack-program.ts";

export interface WorkerOptions {
  /** Resident memory of a worker. Default 256 MiB. */
  readonly memoryBytes?: number;
  /** How long a worker may say nothing. Default a minute. */
  readonly silenceMs?: number;
  /** How this program is started again; tests put another in its place. */
  readonly command?: readonly string[];
  /** What trees share their files with. Default: each has its own. */
  readonly sharedFiles?: SharedWith | undefined;
  /** Called when a worker has ended well, with the most memory that it was seen to take. */
  readonly onEnd?: (end: { readonly program: string; readonly peakBytes: number }) => void;
}

/** The trees of a packages directory. */
export interface SharedWith {
  readonly root: string;
  /** Told of bytes that a tree has of others. */
  readonly onShared: (sizeBytes: number) => void;
}

const defaultSilenceMs = 60_000;
/** So long a worker may take, and so much longer for what it writes: a disk that is slower is broken. */
const startMs = 60_000;
const bytesPerMs = 1000;
/** For the runtime, and for the files that are being written. */
const spareFiles = 64;
/** A path and a target of a kilobyte each, escaped, and what stands around them. */
const maxEntryBytes = 16 * 1024;

/** Where files are given further names: the kernel lets none be moved to where more may be done with it. */
const namingRights: readonly FileRight[] = ["makeFile", "readFile", "writeFile", "removeFile", "refer"];

/**
 * Unpacks in a process that can do nothing else. This one fetches, opens blobs, and never looks into one. What the worker
 * says of its work is not believed either: when it has ended, a second process, which has seen no archive, lists what
 * really lies there, and the address of that listing is the one that counts.
 */
export class WorkerUnpacker implements TreeUnpacker {
  readonly #options: WorkerOptions;

  constructor(options: WorkerOptions = {}) {
    this.#options = options;
  }

  async unpack(job: UnpackJob): Promise<void> {
    const kept = job.layers.filter(({ descriptor }) => job.blobs.stat(descriptor.digest) !== undefined);
    for (const { descriptor } of job.layers) await fetchBlob(descriptor, job);
    try {
      await this.#make(job);
    } catch (error) {
      // Whoever killed it had no need to mean this package: the machine may have run out of memory.
      const again = isCpmError(error, "agent/worker-killed") || (await this.#fetchDamaged(kept, job, error));
      if (!again) throw error;
      await emptyStaging(job.staging);
      await this.#make(job);
    }
  }

  /** What was whole when it was fetched may have been damaged since; it is fetched anew. False where it is as it was. */
  async #fetchDamaged(kept: UnpackJob["layers"], job: UnpackJob, error: unknown): Promise<boolean> {
    if (!isCpmError(error) || error.code.startsWith("agent/") || job.signal?.aborted === true) return false;
    const verifier = new WorkerVerifier(this.#options);
    let damaged = false;
    for (const { descriptor } of kept) {
      const path = job.blobs.pathOf(descriptor.digest);
      if (await verifier.verifyBlob(path, descriptor.digest, { signal: job.signal })) continue;
      removeFile(path);
      await fetchBlob(descriptor, job);
      damaged = true;
    }
    return damaged;
  }

  async #make(job: UnpackJob): Promise<void> {
    await this.#unpack(job);
    await this.#measure(job);
  }

  async #unpack(job: UnpackJob): Promise<void> {
    const root = join(job.staging, "root");
    const layers = job.layers.map((layer) => ({ ...layer, blob: job.blobs.pathOf(layer.descriptor.digest) }));
    const request: UnpackRequest = { root, layers };
    await this.#run(job, {
      program: "unpack",
      paths: [{ path: root, rights: ["makeFile", "makeDirectory", "makeSymlink", "writeFile"] }],
      files: layers.map(({ blob }) => blob),
      request,
      fileSizeBytes: Math.max(...layers.map(({ declared }) => declared.sizeBytes)),
      onBytes: job.onFile,
    });
  }

  async #measure(job: UnpackJob): Promise<void> {
    const maxEntries = job.layers.reduce((sum, { declared }) => sum + declared.entries, 0);
    const { sharedFiles } = this.#options;
    const { staging, tree } = job;
    const request: MeasureRequest = { staging, maxEntries, tree, shareIn: sharedFiles?.root };
    await this.#run(job, {
      program: "measure",
      paths: [
        { path: staging, rights: sharedFiles === undefined ? ["makeFile", "writeFile"] : namingRights },
        { path: join(staging, "root"), rights: ["readFile", "readDirectory"] },
        ...(sharedFiles === undefined ? [] : [objectsRule(sharedFiles.root)]),
      ],
      files: [],
      request,
      fileSizeBytes: maxEntries * maxEntryBytes,
      onBytes: () => {},
      onShared: sharedFiles?.onShared,
    });
  }

  async #run(job: UnpackJob, task: Task): Promise<void> {
    const { memoryBytes = defaultWorkerBytes, silenceMs = defaultSilenceMs, command, onEnd } = this.#options;
    const contentBytes = job.layers.reduce((sum, { declared }) => sum + declared.sizeBytes, 0);
    const said = new UnpackDialogue(contentBytes, task);
    const dialogue = new WorkerDialogue((message) => said.take(message));
    const confined: ConfinedJob = {
      program: task.program,
      paths: task.paths,
      limits: { fileSizeBytes: task.fileSizeBytes, openFiles: firstFile + task.files.length + spareFiles },
      files: task.files,
      request: JSON.stringify(task.request),
      onLine: (line) => dialogue.take(line),
      memoryBytes,
      silenceMs,
      timeoutMs: startMs + Math.ceil(contentBytes / bytesPerMs),
      signal: job.signal,
    };
    const { peakBytes } = await runConfined(confined, command);
    dialogue.end();
    onEnd?.({ program: task.program, peakBytes });
  }
}

interface Task {
  readonly program: "unpack" | "measure";
  readonly paths: readonly PathRule[];
  readonly files: readonly string[];
  readonly request: unknown;
  readonly fileSizeBytes: number;
  readonly onBytes: (addedBytes: number) => void;
  readonly onShared?: ((sizeBytes: number) => void) | undefined;
}

/** A rule is for what is there. */
function objectsRule(root: string): PathRule {
  const { folder } = new SharedFiles(root);
  makeDirectory(folder, 0o700);
  return { path: folder, rights: [...namingRights, "makeDirectory"] };
}

/** Progress within the work, and nothing that only other programs say. */
class UnpackDialogue {
  readonly #task: Task;
  readonly #contentBytes: number;
  #remainingBytes: number;
  #shared = false;

  constructor(contentBytes: number, task: Task) {
    this.#task = task;
    this.#contentBytes = contentBytes;
    // An entry of no content takes a block of its archive and counts for more.
    this.#remainingBytes = contentBytes * 10;
  }

  take(message: InnerMessage): void {
    if (message.type === "shared") return this.#takeShared(message.sizeBytes);
    if (message.type !== "progress") throw unasked();
    this.#remainingBytes -= message.addedBytes;
    if (this.#remainingBytes < 0)
      throw agentError("agent/worker-output", "the worker says it wrote more than there is");
    this.#task.onBytes(message.addedBytes);
  }

  /** Once, and no more than the tree has. */
  #takeShared(sizeBytes: number): void {
    if (this.#shared || this.#task.onShared === undefined || sizeBytes > this.#contentBytes) throw unasked();
    this.#shared = true;
    this.#task.onShared(sizeBytes);
  }
}

/** Keeps a layer as a blob, unless it is one; goes on where an earlier attempt stopped. */
async function fetchBlob(descriptor: Descriptor, job: UnpackJob): Promise<void> {
  const keptBytes = job.blobs.ingestedBytes(descriptor.digest);
  try {
    await fetchRest(descriptor, job, job.onProgress);
  } catch (error) {
    // What was kept may have been damaged since, by a power cut. It is gone now, and its bytes were counted already.
    if (keptBytes === 0 || !isCpmError(error, "store/digest-mismatch")) throw error;
    await fetchRest(descriptor, job, () => {});
  }
}

async function fetchRest(
  descriptor: Descriptor,
  { source, blobs, signal }: UnpackJob,
  onProgress: UnpackJob["onProgress"],
): Promise<void> {
  const ingest = await blobs.ingest(descriptor, { signal });
  if (ingest === undefined) return;
  const arrival = new Arrival(source, ingest, descriptor, { signal, onProgress });
  try {
    await arrival.finish();
  } finally {
    await arrival.stop();
  }
}

/** Removes what a worker left that did not come to its end. */
async function emptyStaging(staging: string): Promise<void> {
  for (const name of withFileErrors("list", staging, () => readdirSync(staging))) await removeTree(join(staging, name));
  const root = join(staging, "root");
  withFileErrors("create", root, () => mkdirSync(root, 0o755));
}
