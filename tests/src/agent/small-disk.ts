import { appendFileSync, mkdirSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";

/** A file system of its own, of limited size, in memory. Must be closed. */
export class SmallDisk {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Undefined where this process may not mount anything. */
  static mount(path: string, sizeBytes: number): SmallDisk | undefined {
    if (process.platform !== "linux" || process.getuid?.() !== 0) return undefined;
    mkdirSync(path, { recursive: true });
    const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", `size=${sizeBytes},mode=0755`, "cpm-test", path]);
    return mounted.success ? new SmallDisk(path) : undefined;
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  /** Takes all space but so much, until `empty`. */
  fill(leaveBytes: number): void {
    appendFileSync(join(this.path, "filler"), new Uint8Array(Math.max(0, this.freeBytes - leaveBytes)));
  }

  empty(): void {
    rmSync(join(this.path, "filler"), { force: true });
  }

  close(): void {
    Bun.spawnSync(["umount", "--lazy", this.path]);
  }
}
