import { readdirSync, readFileSync } from "node:fs";

/** Process ids of the confined programs that a process runs at this moment, as /proc has them. */
export function confinedProcesses(parentPid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && isConfined(name, parentPid))
    .map(Number);
}

function isConfined(pid: string, parentPid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // Field 4; the command before it may hold anything.
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    return parent === parentPid && /\0(confine|unpack|measure)\0/.test(readFileSync(`/proc/${pid}/cmdline`, "utf8"));
  } catch {
    // It has ended since the directory was listed.
    return false;
  }
}
