import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cliPath } from "./workplace.ts";

const isRoot = process.getuid?.() === 0;
const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

/** Words before a command that take root's rights away; none where there are none to take. */
export const unprivileged: readonly string[] = isRoot ? nobody : [];

/** Why a command cannot be run without rights here; undefined where it can. */
export function whyNotUnprivileged(): string | undefined {
  if (process.platform === "win32") return "Windows has other permissions";
  if (!isRoot) return undefined;
  const [program, ...args] = [...nobody, process.execPath, cliPath, "--version"];
  const { status, error, stderr } = spawnSync(program ?? "", args, { encoding: "utf8", cwd: "/", env: { HOME: "/" } });
  return status === 0 ? undefined : `another user cannot run it here: ${error?.message ?? stderr}`;
}

export interface SmallDisk {
  readonly path: string;
  makeReadOnly(): void;
  remove(): void;
}

/** Why no file system of a few bytes can be made here; undefined where it can. */
export function whyNoSmallDisk(): string | undefined {
  if (process.platform !== "linux" || !isRoot) return "only root on Linux may mount a file system";
  try {
    openSmallDisk(64 * 1024).remove();
    return undefined;
  } catch (error) {
    return String(error);
  }
}

export function openSmallDisk(sizeBytes: number): SmallDisk {
  const path = mkdtempSync(join(tmpdir(), "cpm-small-disk-"));
  const run = (...command: readonly string[]): void => {
    const [program = "", ...args] = command;
    const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
    if (status !== 0) throw new Error(`${command.join(" ")}: ${stderr}`);
  };
  try {
    run("mount", "-t", "tmpfs", "-o", `size=${sizeBytes},mode=777`, "tmpfs", path);
  } catch (error) {
    rmSync(path, { recursive: true });
    throw error;
  }
  return {
    path,
    makeReadOnly: () => run("mount", "-o", "remount,ro", path),
    remove: () => {
      run("umount", path);
      rmSync(path, { recursive: true });
    },
  };
}
