import { readFileSync } from "node:fs";

/** Resolves when a process was stopped by SIGSTOP. */
export async function stopped(pid: number): Promise<void> {
  while (!/^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))) await Bun.sleep(5);
}
