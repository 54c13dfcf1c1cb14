import { readFileSync, writeFileSync } from "node:fs";

/** What Linux tells of a process that runs (proc(5)). */
export class ProcessFigures {
  readonly #folder: string;

  constructor(pid: number) {
    this.#folder = `/proc/${pid}`;
  }

  /** 5 sets the highest resident size to the present one. */
  resetPeakMemory(): void {
    writeFileSync(`${this.#folder}/clear_refs`, "5");
  }

  peakMemoryBytes(): number {
    return this.#memory("VmHWM");
  }

  residentBytes(): number {
    return this.#memory("VmRSS");
  }

  /** User and system time together, in steps of 10 ms, of all threads. */
  cpuMs(): number {
    const stat = readFileSync(`${this.#folder}/stat`, "utf8");
    // Fields 14 and 15, in hundredths of a second; the command before them may hold anything.
    const [user = 0, system = 0] = stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .slice(11, 13)
      .map(Number);
    return (user + system) * 10;
  }

  #memory(field: string): number {
    const status = readFileSync(`${this.#folder}/status`, "utf8");
    return Number(new RegExp(`^${field}:\\s*(\\d+) kB$`, "m").exec(status)?.[1]) * 1024;
  }
}
