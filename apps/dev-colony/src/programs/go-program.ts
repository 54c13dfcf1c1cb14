import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { realColonyError } from "../real-colony/errors.ts";
import { ensureCached } from "./program-cache.ts";

/** A program of a Go module, at one version. */
export interface GoProgram {
  /** Of the executable in the cache, before its version. */
  readonly name: string;
  readonly module: string;
  readonly version: string;
  /** Of the program in the module; empty where the module is the program. */
  readonly folder: string;
}

/** Why programs cannot be built here; undefined where they can. */
export function whyNoGo(): string | undefined {
  return Bun.which("go") === null ? "there is no Go on this machine" : undefined;
}

/**
 * The path of the program, built into the cache on first use. Several processes may ask at once. Throws `dev/no-go`
 * or `dev/build-failed`.
 */
export async function installGoProgram(program: GoProgram, cacheDirectory: string): Promise<string> {
  const { name, version } = program;
  return ensureCached(join(cacheDirectory, `${name}-${version.replace(/^v/, "")}`), (folder) => build(program, folder));
}

async function build({ name, module, version, folder: inside }: GoProgram, folder: string): Promise<string> {
  const go = Bun.which("go");
  if (go === null) throw realColonyError("dev/no-go", `there is no go command on this machine to build ${name} with`);
  // `go install module@version` also asks for all versions, which not every module proxy answers; a module that
  // requires the one version does not.
  writeFileSync(join(folder, "go.mod"), `module program\n\ngo 1.24\n\nrequire ${module} ${version}\n`);
  const source = inside === "" ? module : `${module}/${inside}`;
  const child = Bun.spawn([go, "build", "-mod=mod", "-o", "program", source], {
    cwd: folder,
    env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const [exitCode, output] = await Promise.all([child.exited, new Response(child.stderr).text()]);
  if (exitCode !== 0)
    throw realColonyError("dev/build-failed", `building ${source} ${version} failed: ${output.trim().slice(-600)}`);
  return join(folder, "program");
}
