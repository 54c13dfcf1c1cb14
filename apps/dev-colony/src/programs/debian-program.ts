import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { realColonyError } from "../real-colony/errors.ts";
import { ensureCached } from "./program-cache.ts";

/** A program of Debian's, with the packages that it needs and a small system does not have. */
export interface DebianProgram {
  readonly name: string;
  readonly packages: readonly string[];
  /** In the package's tree. */
  readonly executable: string;
}

export interface InstalledProgram {
  readonly executable: string;
  /** What must be in its environment. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * The program of this system, or Debian's, unpacked into the cache on first use: nothing is installed and no right is
 * needed. Throws `dev/no-debian` or `dev/build-failed`.
 */
export async function installDebianProgram(program: DebianProgram, cacheDirectory: string): Promise<InstalledProgram> {
  const found = Bun.which(program.name);
  if (found !== null) return { executable: found, env: {} };
  const root = await ensureCached(join(cacheDirectory, `debian-${program.name}-${process.arch}`), (folder) =>
    unpack(program, folder),
  );
  const folders = libraryFolders(root);
  return {
    executable: join(root, program.executable),
    env: folders.length === 0 ? {} : { LD_LIBRARY_PATH: folders.join(":") },
  };
}

/** Where the packages have their libraries; systemd has some in a folder of its own. */
function libraryFolders(root: string): readonly string[] {
  return ["lib", "usr/lib"]
    .map((folder) => join(root, folder))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => name.includes("-linux-gnu"))
        .flatMap((name) => [join(folder, name), join(folder, name, "systemd")]),
    )
    .filter((folder) => existsSync(folder));
}

/** With lists of packages of its own, since those of the system may be old, absent or not ours to change. */
async function unpack({ name, packages }: DebianProgram, folder: string): Promise<string> {
  if (Bun.which("apt-get") === null || Bun.which("dpkg-deb") === null)
    throw realColonyError("dev/no-debian", `${name} is not here, and there is no apt-get to fetch it with`);
  const [lists, cache, files, root] = ["lists", "cache", "files", "root"].map((part) => join(folder, part)) as [
    string,
    string,
    string,
    string,
  ];
  for (const path of [join(lists, "partial"), join(cache, "archives/partial"), files, root])
    mkdirSync(path, { recursive: true });
  const options = [`Dir::State::lists=${lists}`, `Dir::Cache=${cache}`, "APT::Sandbox::User=root"];
  const apt = ["apt-get", "-qq", ...options.flatMap((option) => ["-o", option])];
  await run(files, ...apt, "update");
  await run(files, ...apt, "download", ...packages);
  for (const file of readdirSync(files)) await run(files, "dpkg-deb", "-x", file, root);
  return root;
}

async function run(cwd: string, ...command: readonly string[]): Promise<void> {
  const child = Bun.spawn([...command], { cwd, stdio: ["ignore", "ignore", "pipe"] });
  const [exitCode, output] = await Promise.all([child.exited, new Response(child.stderr).text()]);
  if (exitCode !== 0)
    throw realColonyError("dev/build-failed", `${command.join(" ")} failed: ${output.trim().slice(-600)}`);
}
