import { coloniesError } from "./errors.ts";

/** What every ColonyOS user has in the environment. */
export interface ColoniesEnvironment {
  readonly endpoint?: string;
  readonly colonyName?: string;
  readonly privateKey?: string;
}

/**
 * Reads `COLONIES_SERVER_HOST`, `COLONIES_SERVER_PORT` (or `COLONIES_SERVER_HTTP_PORT`), `COLONIES_TLS`,
 * `COLONIES_COLONY_NAME` and `COLONIES_PRVKEY`. An empty variable counts as absent. TLS is off unless it is
 * asked for, as in ColonyOS's own tools.
 */
export function readEnvironment(environment: Readonly<Record<string, string | undefined>>): ColoniesEnvironment {
  const read = (name: string) => (environment[name] === "" ? undefined : environment[name]);
  const host = read("COLONIES_SERVER_HOST");
  const port = read("COLONIES_SERVER_PORT") ?? read("COLONIES_SERVER_HTTP_PORT");
  const tls = (read("COLONIES_TLS") ?? "false").toLowerCase() === "true";
  const colonyName = read("COLONIES_COLONY_NAME");
  const privateKey = read("COLONIES_PRVKEY");
  return {
    ...(host === undefined ? {} : { endpoint: formatEndpoint(host, port ?? (tls ? "443" : "50080"), tls) }),
    ...(colonyName === undefined ? {} : { colonyName }),
    ...(privateKey === undefined ? {} : { privateKey }),
  };
}

function formatEndpoint(host: string, port: string, tls: boolean): string {
  if (!/^\d{1,5}$/.test(port))
    throw coloniesError("colonies/refused", `COLONIES_SERVER_PORT is "${port}", which is not a port`);
  const name = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
  return `${tls ? "https" : "http"}://${name}:${port}`;
}
