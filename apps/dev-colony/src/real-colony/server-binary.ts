import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { waitForLock } from "@cpm/store";
import { realColonyError } from "./errors.ts";

/** The version of ColonyOS that everything here is made for. */
const coloniesVersion = "1.9.12";

const modulePath = "github.com/colonyos/colonies";
const buildTimeoutMs = 15 * 60_000;

/**
 * The path of the ColonyOS server's executable, built as a Go module into the cache on first use (about a minute
 * on two cores). Several processes may ask at once. Throws `dev/no-go` or `dev/build-failed`.
 */
export async function installServer(cacheDirectory: string): Promise<string> {
  const executable = join(cacheDirectory, `colonies-${coloniesVersion}`);
  if (existsSync(executable)) return executable;
  const go = Bun.which("go");
  if (go === null) throw realColonyError("dev/no-go", "there is no go command on this machine");
  mkdirSync(cacheDirectory, { recursive: true });
  const lock = await waitForLock(`${executable}.lock`, buildTimeoutMs);
  try {
    if (!existsSync(executable)) await build(go, cacheDirectory, executable);
    return executable;
  } finally {
    lock.release();
  }
}

async function build(go: string, cacheDirectory: string, executable: string): Promise<void> {
  const folder = mkdtempSync(join(cacheDirectory, "build-"));
  try {
    // `go install module@version` also asks for all versions, which not every module proxy answers; a module
    // that requires the one version does not.
    writeFileSync(join(folder, "go.mod"), `module server\n\ngo 1.24\n\nrequire ${modulePath} v${coloniesVersion}\n`);
    const child = Bun.spawn([go, "build", "-mod=mod", "-o", "colonies", `${modulePath}/cmd`], {
      cwd: folder,
      env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "" },
      stdio: ["ignore", "ignore", "pipe"],
    });
    const [exitCode, output] = await Promise.all([child.exited, new Response(child.stderr).text()]);
    if (exitCode !== 0)
      throw realColonyError(
        "dev/build-failed",
        `building ${modulePath} v${coloniesVersion} failed: ${output.trim().slice(-600)}`,
      );
    renameSync(join(folder, "colonies"), executable);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
