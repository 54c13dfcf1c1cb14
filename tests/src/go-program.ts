import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { waitForLock } from "@cpm/store";

/** A program that is built as a Go module, at one version. */
export interface GoProgram {
  readonly name: string;
  readonly modulePath: string;
  /** With its `v`. */
  readonly version: string;
  /** Of the main package, which lies in the module. */
  readonly packagePath: string;
}

const buildTimeoutMs = 15 * 60_000;

/** Undefined where programs can be built. */
export function whyNoGo(): string | undefined {
  return Bun.which("go") === null ? "there is no Go on this machine" : undefined;
}

/** The path of the executable, built into the cache on first use. Several processes may ask at once. */
export async function installGoProgram(cacheDirectory: string, program: GoProgram): Promise<string> {
  const executable = join(cacheDirectory, `${program.name}-${program.version}`);
  if (existsSync(executable)) return executable;
  mkdirSync(cacheDirectory, { recursive: true });
  const lock = await waitForLock(`${executable}.lock`, buildTimeoutMs);
  try {
    if (!existsSync(executable)) await build(cacheDirectory, executable, program);
    return executable;
  } finally {
    lock.release();
  }
}

async function build(cacheDirectory: string, executable: string, program: GoProgram): Promise<void> {
  const { modulePath, version, packagePath } = program;
  const folder = mkdtempSync(join(cacheDirectory, "build-"));
  try {
    // A module that requires the one version asks no proxy for the list of all.
    writeFileSync(join(folder, "go.mod"), `module program\n\ngo 1.24\n\nrequire ${modulePath} ${version}\n`);
    const child = Bun.spawn(["go", "build", "-mod=mod", "-o", "program", packagePath], {
      cwd: folder,
      env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "" },
      stdio: ["ignore", "ignore", "pipe"],
    });
    const [exitCode, output] = await Promise.all([child.exited, new Response(child.stderr).text()]);
    if (exitCode !== 0) throw new Error(`building ${modulePath} ${version} failed: ${output.trim().slice(-600)}`);
    renameSync(join(folder, "program"), executable);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
