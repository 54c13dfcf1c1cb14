import { readFileSync } from "node:fs";

/** Writes the most memory that this process ever held (VmHWM of Linux), for the process that measures it. */
export function reportPeakMemory(): void {
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  if (kibibytes !== undefined) process.stdout.write(`peak ${Number(kibibytes) * 1024}\n`);
}
