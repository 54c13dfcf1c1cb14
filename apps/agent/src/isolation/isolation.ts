import { openLinuxCalls } from "@cpm/system/linux";
import { agentError } from "../errors.ts";
import { landlockVersion } from "./landlock.ts";
import { systemCalls } from "./system-calls.ts";

/** How the worker is confined on this machine. */
export interface Isolation {
  /** Version of Landlock; 0 where there is none. */
  readonly landlockAbi: number;
  /** Privileges are dropped and cannot come back. */
  readonly noNewPrivileges: boolean;
  readonly systemCallsFiltered: boolean;
  /** Sockets of every kind. */
  readonly networkDenied: boolean;
  readonly memoryLimited: boolean;
  /** What this machine lacks and what that means, in sentences; none where everything is there. */
  readonly missing: readonly string[];
}

const PR_GET_SECCOMP = 21;

/** Asks the kernel. Nothing is changed by it. */
export function isolationOfThisMachine(): Isolation {
  const linux = openLinuxCalls();
  const version = landlockVersion();
  const filtered = linux !== undefined && systemCalls() !== undefined && linux.prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
  return {
    landlockAbi: version,
    noNewPrivileges: linux !== undefined,
    systemCallsFiltered: filtered,
    networkDenied: filtered,
    memoryLimited: linux !== undefined,
    missing: missing(process.platform, version, filtered),
  };
}

/** Throws `agent/isolation-missing` where anything is missing. */
export function requireIsolation({ missing: sentences }: Isolation): void {
  if (sentences.length > 0) throw agentError("agent/isolation-missing", sentences.join(" "));
}

/** What each lack means. */
export function missing(platform: string, version: number, filtered: boolean): string[] {
  if (platform !== "linux") {
    return [
      `On ${platform} the worker is a process of its own and is not confined: there is no Landlock and no seccomp.`,
    ];
  }
  const sentences: string[] = [];
  if (version === 0) {
    sentences.push("This kernel has no Landlock: the worker may read and write whatever its user may.");
  } else if (version < 3) {
    sentences.push(`Landlock version ${version} does not cover shortening files; the system call filter does.`);
  }
  if (version > 0 && version < 6 && !filtered) {
    sentences.push(`Landlock version ${version} leaves signals to other processes of the same user.`);
  }
  if (!filtered) sentences.push("This kernel has no seccomp: sockets other than TCP are open to the worker.");
  return sentences;
}
