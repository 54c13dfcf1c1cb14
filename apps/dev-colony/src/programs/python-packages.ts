import { join } from "node:path";
import { realColonyError } from "../real-colony/errors.ts";
import { ensureCached } from "./program-cache.ts";

/** Packages of PyPI, each at one version, that are imported together. */
export interface PythonPackages {
  /** Of the folder in the cache. */
  readonly name: string;
  readonly packages: readonly string[];
}

/** Why packages cannot be had here; undefined where they can. */
export function whyNoPython(): string | undefined {
  const version = Bun.which("python3") === null ? undefined : Bun.spawnSync(["python3", "-m", "pip", "--version"]);
  return version?.exitCode === 0 ? undefined : "there is no Python with pip on this machine";
}

/** The folder that goes into PYTHONPATH, filled on first use. Throws `dev/build-failed`. */
export async function installPythonPackages({ name, packages }: PythonPackages, cache: string): Promise<string> {
  return ensureCached(join(cache, name), async (folder) => {
    const target = join(folder, "packages");
    const child = Bun.spawn(["python3", "-m", "pip", "install", "--quiet", "--target", target, ...packages], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    const [exitCode, output] = await Promise.all([child.exited, new Response(child.stderr).text()]);
    if (exitCode !== 0)
      throw realColonyError(
        "dev/build-failed",
        `installing ${packages.join(", ")} failed: ${output.trim().slice(-600)}`,
      );
    return target;
  });
}
