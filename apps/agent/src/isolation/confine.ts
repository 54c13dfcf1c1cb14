import { openSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { addressOf, openLinuxCalls } from "@cpm/system/linux";
import { isolationFailed } from "../errors.ts";
import { landlockVersion, restrictByLandlock } from "./landlock.ts";
import type { PathRule } from "./landlock.ts";
import { limitProcess } from "./process-limits.ts";
import type { ProcessLimits } from "./process-limits.ts";

/** What is to be run, and all that it may do. Travels as JSON in the arguments, from the supervisor to the launcher. */
export interface Confinement {
  /** A subcommand of this executable. */
  readonly program: string;
  readonly paths: readonly PathRule[];
  readonly limits: ProcessLimits;
  /** Whether it may connect to others. Default: no. */
  readonly network?: boolean | undefined;
  /** Files that the program finds open for reading, as numbers from `firstFile` on. It cannot open them itself. */
  readonly files: readonly string[];
}

/** Exit status of a launcher that could not confine itself: it has run nothing, and said why on stderr. */
export const confineFailedStatus = 70;

/** Beyond what the launcher has open. */
export const firstFile = 100;

const RLIMIT_AS = 9;
/**
 * Addresses, not memory: the runtime reserves what is left of them and takes little. Below 1.4 GiB it does not start;
 * under 2 GiB it keeps fewer threads and less memory than without a limit.
 */
const addressSpaceBytes = 2n * 1024n ** 3n;

const closeRange = 436;
const CLOSE_RANGE_CLOEXEC = 4;
/** Input, output and complaints are what the supervisor gave. */
const firstOwnFile = 3;
const F_DUPFD = 0;
const lastFile = 0x7fffffff;

/**
 * The launcher: gives up all that the program is not to have and becomes the program. Answers only when it could not,
 * with `confineFailedStatus`, to be exited with.
 */
export function launchConfined(confinement: string): number {
  try {
    return confine(JSON.parse(confinement));
  } catch (error) {
    process.stderr.write(error instanceof Error ? error.message : String(error));
    return confineFailedStatus;
  }
}

/** Landlock holds for the thread that asks for it, so it comes before executing, after which no other thread is left. */
function confine({ program, paths, limits, files, network = false }: Confinement): never {
  const linux = openLinuxCalls();
  if (linux === undefined) throw isolationFailed("there is nothing to confine with on this system");
  const rules = [...runtimeRules(), ...paths];
  linux.syscall(closeRange, firstOwnFile, lastFile, CLOSE_RANGE_CLOEXEC);
  for (const [index, path] of files.entries()) {
    const file = linux.fcntl(openSync(path, "r"), F_DUPFD, firstFile + index);
    if (file !== firstFile + index)
      throw isolationFailed(`${path} could not be handed over as file ${firstFile + index}`);
  }
  limitProcess(limits);
  if (landlockVersion() > 0) restrictByLandlock(rules, { network });
  const path = nulTerminated(process.execPath);
  const texts = [process.execPath, ...scriptOf(process.argv), program].map(nulTerminated);
  const variables = Object.entries(process.env).map(([name, value]) => nulTerminated(`${name}=${value ?? ""}`));
  const [parameters, environment] = [addressList(texts), addressList(variables)];
  const addresses = BigUint64Array.of(addressSpaceBytes, addressSpaceBytes);
  // The launcher itself has more addresses than it leaves to the program: from here on it must not need any.
  linux.setrlimit(RLIMIT_AS, addresses);
  const result = linux.execve(path, parameters, environment);
  throw isolationFailed(`executing ${process.execPath} failed with errno ${-result}`);
}

/**
 * What the runtime reads to start: itself and its libraries, of which only what the kernel executes may be executed,
 * and where its own stack is. From a checkout also the sources.
 */
function runtimeRules(): PathRule[] {
  const mapped = readFileSync("/proc/self/maps", "utf8").matchAll(/ (\/.*)$/gm);
  const files = [...new Set([...mapped].map((match) => match[1] ?? ""))].filter((path) => !path.includes("(deleted)"));
  const isExecuted = (path: string) => path === process.execPath || /\/ld-[^/]*\.so[^/]*$/.test(path);
  return [
    ...files.map((path): PathRule => ({ path, rights: isExecuted(path) ? ["readFile", "execute"] : ["readFile"] })),
    { path: "/proc/self/maps", rights: ["readFile"] },
    ...(isCompiled() ? [] : [{ path: checkout(), rights: ["readFile", "readDirectory"] } as const]),
  ];
}

/** Whether this is one executable, which holds its sources. */
export function isCompiled(): boolean {
  return import.meta.dir.startsWith("/$bunfs");
}

/** The script that a runtime was started with; none where it is compiled in. */
function scriptOf(parameters: readonly string[]): string[] {
  const script = parameters[1];
  return isCompiled() || script === undefined ? [] : [script];
}

function checkout(): string {
  return resolve(dirname(import.meta.dir), "../../..");
}

function nulTerminated(text: string): Uint8Array {
  return Buffer.from(`${text}\0`);
}

function addressList(texts: readonly Uint8Array[]): BigUint64Array {
  return BigUint64Array.from([...texts.map(addressOf), 0n]);
}
