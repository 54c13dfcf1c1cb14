import { spawn } from "node:child_process";
import { storeError } from "./errors.ts";

/** So much is written before the disk is set to work on it. */
const earlySyncBytes = 128 * 1024 * 1024;
/** What a file costs the disk besides its content. */
const fileOverheadBytes = 4096;

/**
 * Makes everything under a directory durable by syncing its file system, which costs far less than a sync for each
 * file. While much is being written the disk is set to work ahead of time, so that little is left to wait for.
 */
export class FileSystemSync {
  readonly #path: string;
  #unsyncedBytes = 0;
  #running: Promise<void> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** To be called for each file that was written. */
  wrote(sizeBytes: number): void {
    this.#unsyncedBytes += sizeBytes + fileOverheadBytes;
    if (this.#unsyncedBytes < earlySyncBytes || this.#running !== undefined) return;
    this.#unsyncedBytes = 0;
    this.#running = this.#syncEarly();
    // A failure stays where it is and is thrown by `finish`: the system reports a lost write only once.
    this.#running.catch(() => {});
  }

  async #syncEarly(): Promise<void> {
    await sync(this.#path);
    this.#running = undefined;
  }

  /** Resolves when all that was written before is durable. Throws `store/io` when any of it may not be. */
  async finish(): Promise<void> {
    await this.#running;
    await sync(this.#path);
  }

  /** Waits for what runs. For work that was given up. */
  async abandon(): Promise<void> {
    await Promise.allSettled([this.#running]);
  }
}

function sync(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn("sync", process.platform === "linux" ? ["-f", path] : [], { stdio: "ignore" });
    const fail = (cause?: Error) =>
      reject(storeError("store/io", `the file system of ${path} could not be synced`, { cause }));
    child.once("error", fail);
    child.once("close", (status) => (status === 0 ? resolve() : fail()));
  });
}
