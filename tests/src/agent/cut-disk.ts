import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { digestOf } from "@cpm/store";

/**
 * A disk whose power can be cut: ext4 in a file. A copy of the file at some instant is what such a cut would leave,
 * since what the system has not yet written is not in it. Must be closed.
 */
export class CutDisk {
  readonly root: string;
  readonly #folder: string;
  readonly #image: string;
  /** Whether a copy is of one instant whatever is being written. */
  readonly atomic: boolean;
  #open = false;
  #cuts = 0;

  private constructor(folder: string, atomic: boolean, image: string) {
    this.#folder = folder;
    this.atomic = atomic;
    this.#image = image;
    this.root = `${image}.mounted`;
  }

  /** Undefined where this process may not mount. A copy is of one instant where btrfs can be made. */
  static make(folder: string, sizeBytes: number): CutDisk | undefined {
    if (process.platform !== "linux" || process.getuid?.() !== 0) return undefined;
    mkdirSync(folder, { recursive: true });
    const atomic = mountBtrfs(folder, sizeBytes);
    const disk = new CutDisk(folder, atomic, join(folder, "disk"));
    const made =
      run("truncate", "--size", String(sizeBytes), join(folder, "disk")) &&
      run("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", join(folder, "disk")) &&
      disk.#mount();
    if (made) return disk;
    disk.close();
    return undefined;
  }

  /** The disk as it would be found if the power failed now; what writes to it must stand still unless copies are atomic. */
  cut(): CutDisk {
    const image = `${this.#image}-${++this.#cuts}`;
    for (let attempt = 0; attempt < 50; attempt++) {
      if (!run("cp", this.atomic ? "--reflink=always" : "--sparse=always", this.#image, image)) break;
      if (this.atomic || digestOf(readFileSync(image)) === digestOf(readFileSync(this.#image)))
        return new CutDisk(this.#folder, this.atomic, image);
    }
    throw new Error("the disk could not be copied");
  }

  /** What happens when the power is back: the journal is replayed, and the file system is whole. */
  recover(): void {
    const { exitCode, stdout } = Bun.spawnSync(["e2fsck", "-f", "-p", this.#image]);
    if (exitCode > 1 || !this.#mount()) throw new Error(`the disk cannot be recovered: ${stdout.toString()}`);
  }

  close(): void {
    if (this.#open && !run("umount", this.root)) run("umount", "--lazy", this.root);
    this.#open = false;
    rmSync(this.#image, { force: true });
    if (this.#image.endsWith("/disk") && this.atomic) run("umount", "--lazy", this.#folder);
  }

  /** Nothing is written before somebody asks for it, nor because a file takes another's place. */
  #mount(): boolean {
    mkdirSync(this.root, { recursive: true });
    this.#open = run("mount", "-o", "loop,commit=600,noauto_da_alloc", this.#image, this.root);
    return this.#open;
  }
}

/** For the disk and for what changes of it between its cuts. */
function mountBtrfs(folder: string, sizeBytes: number): boolean {
  if (Bun.which("mkfs.btrfs") === null) return false;
  const image = `${folder}.btrfs`;
  return (
    run("truncate", "--size", String(sizeBytes * 4), image) &&
    run("mkfs.btrfs", "-q", image) &&
    run("mount", "-o", "loop", image, folder)
  );
}

function run(...command: readonly string[]): boolean {
  return Bun.spawnSync([...command], { stdio: ["ignore", "ignore", "ignore"] }).success;
}
