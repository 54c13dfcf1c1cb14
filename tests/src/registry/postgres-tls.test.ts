import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, chownSync, copyFileSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openPostgresDatabase, sql } from "@cpm/registry/testing/databases";
import type { PostgresSettings } from "@cpm/registry/testing/databases";
import { execute, startPostgresServer, whyNoPostgres } from "./postgres-server.ts";
import type { PostgresServer } from "./postgres-server.ts";
import { codeOf } from "./testing.ts";

const testdata = join(import.meta.dir, "testdata");
const certificates = readFileSync(join(testdata, "localhost.cert.pem"), "utf8");
const user = "ada";
const password = "s3cret: @/ü";

describe.skipIf(whyNoPostgres() !== undefined)("a PostgreSQL that takes a user by password and TLS only", () => {
  let server: PostgresServer;
  let settings: PostgresSettings;
  beforeAll(async () => {
    server = await startPostgresServer(withTls);
    const created = await server.createEmptyDatabase();
    await execute(created, `CREATE ROLE ${user} LOGIN PASSWORD '${password}'`);
    await execute(created, `ALTER DATABASE ${created.database} OWNER TO ${user}`);
    settings = { ...created, host: "localhost", user, password, tls: "verified", certificates };
  }, 60_000);
  afterAll(() => server.dispose());

  const tlsOf = async (given: PostgresSettings): Promise<unknown> => {
    const database = await openPostgresDatabase(given);
    try {
      return await database.get(sql`
        SELECT CAST(ssl AS TEXT) AS ssl, usename AS user FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE pid = pg_backend_pid()`);
    } finally {
      await database.close();
    }
  };

  test("has its certificate verified", async () => {
    expect(await tlsOf(settings)).toEqual({ ssl: "true", user });
    const { certificates: _, ...untrusted } = settings;
    expect(await codeOf(tlsOf(untrusted))).toBe("registry-server/database");
  });

  test("is believed where that is asked for", async () => {
    expect(await tlsOf({ ...settings, tls: "unverified", host: "127.0.0.1" })).toEqual({ ssl: "true", user });
  });

  test("refuses a wrong password, none, and what is not encrypted, and no message has the password", async () => {
    const { password: _, ...without } = settings;
    for (const wrong of [{ ...settings, password: "s3cret" }, without, { ...settings, tls: "off" as const }]) {
      const failure: unknown = await tlsOf(wrong).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: "registry-server/database" });
      expect(String(failure)).not.toContain("s3cret");
    }
  });
});

/** The server's own user comes as always, from this machine. */
function withTls(folder: string): Readonly<Record<string, string>> {
  const [key, rules] = [join(folder, "server.key"), join(folder, "rules.conf")];
  copyFileSync(join(testdata, "localhost.key.pem"), key);
  writeFileSync(rules, `hostssl all ${user} all scram-sha-256\nhost all postgres 127.0.0.1/32 trust\n`);
  const { uid, gid } = statSync(folder);
  chownSync(key, uid, gid);
  chmodSync(key, 0o600);
  const cert = join(folder, "server.crt");
  writeFileSync(cert, certificates);
  return { ssl: "on", ssl_key_file: key, ssl_cert_file: cert, hba_file: rules };
}
