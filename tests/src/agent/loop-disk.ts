import { mkdirSync, rmSync } from "node:fs";

/** Enough for the smallest XFS that can be made; the file has holes. */
const imageBytes = 320_000_000;

/** A file system of a type, in a file beside the directory where it is mounted. Must be closed. */
export class LoopDisk {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Undefined where this process may not make or mount one. */
  static mount(path: string, type: string): LoopDisk | undefined {
    if (process.platform !== "linux" || process.getuid?.() !== 0) return undefined;
    mkdirSync(path, { recursive: true });
    const image = `${path}.image`;
    const mounted =
      run("truncate", "--size", String(imageBytes), image) &&
      run(`mkfs.${type}`, "-q", image) &&
      run("mount", "-t", type, "-o", "loop", image, path);
    if (mounted) return new LoopDisk(path);
    rmSync(image, { force: true });
    return undefined;
  }

  close(): void {
    if (!run("umount", this.#path)) run("umount", "--lazy", this.#path);
    rmSync(`${this.#path}.image`, { force: true });
  }
}

function run(...command: readonly string[]): boolean {
  try {
    return Bun.spawnSync([...command], { stdout: "ignore", stderr: "ignore" }).success;
  } catch {
    // The program is not here.
    return false;
  }
}
