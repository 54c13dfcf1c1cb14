import type { Digest } from "@cpm/base";
import type { YankMark } from "@cpm/model";
import type { Reader, Transaction } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import type { Query } from "../database/sql.ts";
import type { NewManifest, YankNotice } from "../metadata.ts";
import { repositoryIdOf } from "./repositories.ts";

interface MarkRow {
  readonly yanked: number;
  readonly reason: string;
  readonly said_by: string;
  readonly at: number;
}

/** A table with one row for each manifest of a repository that is yanked: `subject`, `reason`, `said_by` and `at`. */
export function yankedIn(repository: string): Query {
  return sql`(SELECT m.subject, m.reason, m.said_by, m.at FROM yank_marks m
    WHERE m.repository_id = ${repositoryIdOf(repository)} AND m.yanked = 1 AND NOT EXISTS (
      SELECT 1 FROM yank_marks later WHERE later.repository_id = m.repository_id AND later.subject = m.subject
        AND (later.at, later.digest) > (m.at, m.digest)))`;
}

/** The mark that counts. */
export async function newestMark(reader: Reader, repository: string, subject: Digest): Promise<YankMark | undefined> {
  const row = await reader.get<MarkRow>(sql`
    SELECT yanked, reason, said_by, at FROM yank_marks
    WHERE repository_id = ${repositoryIdOf(repository)} AND subject = ${subject} ORDER BY at DESC, digest DESC LIMIT 1`);
  if (row === undefined) return undefined;
  return { yanked: row.yanked === 1, reason: row.reason, by: row.said_by, atMs: row.at };
}

export async function isMark(reader: Reader, repository: string, digest: Digest): Promise<boolean> {
  const row = await reader.get(sql`
    SELECT 1 FROM yank_marks WHERE repository_id = ${repositoryIdOf(repository)} AND digest = ${digest}`);
  return row !== undefined;
}

/** Takes over what a manifest says that is there already. Its subject may come later. */
export async function insertMark(
  transaction: Transaction,
  repositoryId: number,
  { digest, subject, mark }: NewManifest,
): Promise<void> {
  if (mark === undefined || subject === undefined) return;
  const { yanked, reason, by, atMs } = mark;
  await transaction.run(sql`
    INSERT INTO yank_marks (repository_id, digest, subject, yanked, reason, said_by, at)
    VALUES (${repositoryId}, ${digest}, ${subject}, ${yanked ? 1 : 0}, ${reason}, ${by}, ${atMs})
    ON CONFLICT (repository_id, digest) DO NOTHING`);
}

export function toYankNotice(mark: YankMark | undefined): YankNotice | undefined {
  return mark?.yanked === true ? { reason: mark.reason, by: mark.by, at: mark.atMs } : undefined;
}
