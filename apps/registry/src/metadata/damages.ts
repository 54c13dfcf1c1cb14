import type { Digest } from "@cpm/base";
import type { Transaction } from "../database/database.ts";
import { sql } from "../database/sql.ts";

/** The right bytes of a blob, or with a repository of its manifest, are there again. */
export async function healDamage(
  transaction: Transaction,
  digest: Digest,
  repository: string,
  now: number,
): Promise<void> {
  await transaction.run(sql`
    UPDATE damages SET healed_at = ${now}
    WHERE digest = ${digest} AND repository = ${repository} AND healed_at IS NULL`);
}
