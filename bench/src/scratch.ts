import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Ground } from "./measure.ts";

/** Where everything is written: on a disk, outside of the repository, and gone at the end. */
export class Scratch {
  readonly root: string;
  #runs = 0;

  constructor() {
    const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
    mkdirSync(cache, { recursive: true });
    this.root = mkdtempSync(join(cache, "cpm-bench-"));
  }

  path(...parts: readonly string[]): string {
    return join(this.root, ...parts);
  }

  /**
   * The ground for runs that write `writtenBytes` each. Directories of many files stay until the end: ext4 is many
   * times slower after they are deleted. A few large files go at once, to save the disk.
   */
  ground(writtenBytes: number, kind: "large" | "small"): Ground {
    return {
      freshDirectory: () => {
        const directory = this.path("runs", String(this.#runs++));
        mkdirSync(directory, { recursive: true });
        return directory;
      },
      settle: (directory) => {
        execute("sync", "-f", directory);
        this.#warmMemory(writtenBytes);
      },
      leave: (directory) => {
        if (kind === "large") remove(directory);
      },
    };
  }

  remove(): void {
    remove(this.root);
  }

  /**
   * Lets the kernel have so much memory at hand. A virtual machine gives free memory back to its host within
   * seconds, and the first write to such memory takes ten times as long as any write measured here.
   */
  #warmMemory(sizeBytes: number): void {
    const path = this.path("warm");
    execute("dd", "if=/dev/zero", `of=${path}`, "bs=1M", `count=${Math.ceil(sizeBytes / 2 ** 20)}`, "status=none");
    rmSync(path);
  }
}

/** The trees of a node store are read-only. */
function remove(directory: string): void {
  execute("chmod", "-R", "u+w", directory);
  rmSync(directory, { recursive: true });
}

export function execute(...command: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync([...command], { stdout: "ignore" });
  if (exitCode !== 0) throw new Error(`${command.join(" ")} ended with status ${exitCode}: ${stderr.toString()}`);
}
