import type { Reader, Transaction } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import type { DeprecationNotice } from "../metadata.ts";

interface DeprecationRow {
  readonly version: string;
  readonly message: string;
  readonly successor: string | null;
}

/** In the place of a version, the package with all of them. */
export const everyVersion = "";

/** What is deprecated of a package: versions of it, and `everyVersion`. */
export async function deprecationsOf(
  reader: Reader,
  packageId: number,
): Promise<ReadonlyMap<string, DeprecationNotice>> {
  const rows = await reader.all<DeprecationRow>(
    sql`SELECT version, message, successor FROM deprecations WHERE package_id = ${packageId}`,
  );
  return new Map(
    rows.map(({ version, message, successor }) => [version, { message, ...(successor === null ? {} : { successor }) }]),
  );
}

/** False when that is how it was. */
export async function changeDeprecation(
  transaction: Transaction,
  packageId: number,
  version: string,
  notice: DeprecationNotice | undefined,
): Promise<boolean> {
  const before = (await deprecationsOf(transaction, packageId)).get(version);
  if (before?.message === notice?.message && before?.successor === notice?.successor) return false;
  if (notice === undefined) {
    await transaction.run(sql`DELETE FROM deprecations WHERE package_id = ${packageId} AND version = ${version}`);
    return true;
  }
  await transaction.run(sql`
    INSERT INTO deprecations (package_id, version, message, successor)
    VALUES (${packageId}, ${version}, ${notice.message}, ${notice.successor ?? null})
    ON CONFLICT (package_id, version) DO UPDATE SET message = excluded.message, successor = excluded.successor`);
  return true;
}
