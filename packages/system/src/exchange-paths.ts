import { openLinuxCalls } from "./linux-calls.ts";

const AT_FDCWD = -100;
const RENAME_EXCHANGE = 2;
/** Of renameat2(2), by what the runtime calls the architecture. */
const callNumbers: Readonly<Record<string, number>> = { x64: 316, arm64: 276 };

/**
 * Lets two paths of one file system change places in one step (renameat2(2)): whoever looks finds the one or the other,
 * never nothing. False, and nothing is done, where the system or the file system cannot.
 */
export function exchangePaths(left: string, right: string): boolean {
  const call = callNumbers[process.arch];
  const linux = openLinuxCalls();
  if (call === undefined || linux === undefined) return false;
  const [first, second] = [Buffer.from(`${left}\0`), Buffer.from(`${right}\0`)];
  return linux.syscall(call, AT_FDCWD, first, AT_FDCWD, second, RENAME_EXCHANGE) === 0;
}
