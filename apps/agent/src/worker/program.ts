import { readSync } from "node:fs";
import { isCpmError } from "@cpm/base";
import { isolationOfThisMachine } from "../isolation/isolation.ts";
import { hideProcess } from "../isolation/process-limits.ts";
import { restrictSystemCalls } from "../isolation/seccomp.ts";
import type { SystemCallRights } from "../isolation/seccomp.ts";
import { say } from "./messages.ts";

const maxRequestBytes = 4 * 1024 * 1024;

/**
 * The life of a confined program: it gives up the last of its rights before it reads a byte, reads its request, does its
 * work and says how that went. What is none of our errors ends it as a crash does.
 */
export async function runConfinedProgram(
  rights: SystemCallRights,
  work: (request: unknown) => Promise<void>,
): Promise<number> {
  hideProcess();
  if (isolationOfThisMachine().systemCallsFiltered) restrictSystemCalls(rights);
  try {
    await work(JSON.parse(readInput()));
    say({ type: "done" });
  } catch (error) {
    if (!isCpmError(error)) throw error;
    say({ type: "failed", code: error.code, message: error.message });
  }
  return 0;
}

function readInput(): string {
  const buffer = Buffer.alloc(maxRequestBytes);
  let length = 0;
  for (;;) {
    const count = readSync(0, buffer, length, buffer.length - length, null);
    if (count === 0) return buffer.toString("utf8", 0, length);
    length += count;
  }
}
