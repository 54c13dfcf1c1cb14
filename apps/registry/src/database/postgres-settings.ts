/** Where a PostgreSQL is, and who asks. */
export interface PostgresSettings {
  /** A name or an address; a path is the folder of the server's Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password?: string;
  /** `unverified`: encrypted, and whoever answers is believed. */
  readonly tls: "off" | "unverified" | "verified";
  /** The certificates, PEM, that the server's is verified by. Default: those of the runtime. */
  readonly certificates?: string;
  /** How many connections one process has at most. */
  readonly connections: number;
}

/** For messages: never with the password. */
export function describePostgres({ host, port, database }: PostgresSettings): string {
  return `the PostgreSQL database ${database} at ${host.startsWith("/") ? host : `${host}:${port}`}`;
}
