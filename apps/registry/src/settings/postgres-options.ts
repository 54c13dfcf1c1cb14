import { readFileSync } from "node:fs";
import { UsageError } from "@cpm/service";
import type { PostgresSettings } from "../database/postgres-settings.ts";
import type { RegistrySettingReader } from "./setting-table.ts";

const expected = "an address such as postgres://USER@HOST:5432/DATABASE?sslmode=verify-full";
const maxConnections = 1000;
const defaultPort = 5432;

/** By the names that PostgreSQL's own programs have for them. */
const tlsOfMode: Readonly<Record<string, PostgresSettings["tls"]>> = {
  disable: "off",
  require: "unverified",
  "verify-full": "verified",
};

/** Undefined where no PostgreSQL is set. Throws `UsageError`, without the password, for an address that cannot be. */
export function readPostgres(reader: RegistrySettingReader): PostgresSettings | undefined {
  const text = reader.text("database");
  if (text === undefined) return undefined;
  const url = URL.parse(text);
  const parameters = [...(url?.searchParams.keys() ?? [])];
  const known = parameters.every((name) => ["host", "sslmode", "sslrootcert"].includes(name));
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol) || url.hash !== "" || !known)
    throw reader.fault("database", expected);
  const host = url.searchParams.get("host") ?? url.hostname.replace(/^\[|\]$/g, "");
  const [user, database] = [decode(url.username), decode(url.pathname.slice(1))];
  if (host === "" || !user || !database || database.includes("/")) throw reader.fault("database", expected);
  const password = reader.text("databasePassword") ?? decode(url.password);
  const connections = reader.count("databaseConnections");
  if (connections > maxConnections) throw reader.fault("databaseConnections", `a count of at most ${maxConnections}`);
  const port = url.port === "" ? defaultPort : Number(url.port);
  return {
    host,
    port,
    database,
    user,
    connections,
    ...(password ? { password } : {}),
    ...readTls(reader, host, url.searchParams),
  };
}

/** Where nothing is said, what leaves the machine is encrypted and the server has to prove who it is. */
function readTls(
  reader: RegistrySettingReader,
  host: string,
  parameters: URLSearchParams,
): Pick<PostgresSettings, "tls" | "certificates"> {
  const mode = parameters.get("sslmode") ?? (isThisMachine(host) ? "disable" : "verify-full");
  const tls = Object.hasOwn(tlsOfMode, mode) ? tlsOfMode[mode] : undefined;
  if (tls === undefined) throw reader.fault("database", `${expected}; sslmode is disable, require or verify-full`);
  const path = parameters.get("sslrootcert");
  if (path === null) return { tls };
  try {
    return { tls, certificates: readFileSync(path, "utf8") };
  } catch (error) {
    throw new UsageError(`sslrootcert cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function isThisMachine(host: string): boolean {
  return host.startsWith("/") || ["localhost", "127.0.0.1", "::1"].includes(host);
}

/** Undefined for what is not percent-encoded as it should be. */
function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined; // The caller says that the address cannot be.
  }
}
