import type { Digest } from "@cpm/base";
import { yankArtifactType } from "@cpm/model";
import type { YankMark } from "@cpm/model";
import { descriptorsOf, formatManifest } from "@cpm/oci";
import { digestOf } from "@cpm/store";
import type { AuditedTransaction } from "../access/audited-database.ts";
import type { Reader } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import type { Query } from "../database/sql.ts";
import type { NewManifest, YankNotice } from "../metadata.ts";
import { yankManifest } from "../yank-manifest.ts";
import { manifestDescriptor } from "./manifests.ts";
import { publishedVersion } from "./published-versions.ts";
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

/** The manifest of a mark of a version that is published. */
export async function manifestOfMark(
  reader: Reader,
  repository: string,
  subject: Digest,
  mark: YankMark,
): Promise<NewManifest> {
  const marked = await manifestDescriptor(reader, repository, subject);
  if (marked === undefined) throw new TypeError(`${subject} was published`);
  const manifest = yankManifest(marked, mark);
  const bytes = formatManifest(manifest);
  const { mediaType } = manifest;
  const contents = descriptorsOf(manifest).map(({ digest }) => digest);
  const fields = { repository, digest: digestOf(bytes), mediaType, bytes, tags: [], contents, publish: false };
  return { ...fields, artifactType: yankArtifactType, subject, mark };
}

/** How the pushing of a mark is recorded, the same as of one that was made here; undefined for what is none. */
export async function describeMark(reader: Reader, { repository, subject, mark }: NewManifest) {
  if (mark === undefined || subject === undefined) return undefined;
  const version = await publishedVersion(reader, repository, subject);
  return {
    action: mark.yanked ? "version.yank" : "version.unyank",
    subject,
    ...(version === undefined ? {} : { version }),
    ...(mark.reason === "" ? {} : { reason: mark.reason }),
  };
}

/** Takes over what a manifest says that is there already, and tells of it where it changes what holds of a version. */
export async function takeMark(
  change: AuditedTransaction,
  repositoryId: number,
  subject: Digest,
  { repository, digest, mark }: NewManifest,
): Promise<void> {
  if (mark === undefined) return;
  const before = toYankNotice(await newestMark(change, repository, subject));
  await change.run(sql`
    INSERT INTO yank_marks (repository_id, digest, subject, yanked, reason, said_by, at)
    VALUES (${repositoryId}, ${digest}, ${subject}, ${mark.yanked ? 1 : 0}, ${mark.reason}, ${mark.by}, ${mark.atMs})
    ON CONFLICT (repository_id, digest) DO NOTHING`);
  const after = toYankNotice(await newestMark(change, repository, subject));
  const version = await publishedVersion(change, repository, subject);
  if (version === undefined || after?.reason === before?.reason) return;
  const kind = after === undefined ? "version.unyanked" : "version.yanked";
  const detail = { version, digest: subject, ...(after === undefined ? {} : { reason: after.reason }) };
  await change.announce({ kind, name: repository, detail });
}

export function toYankNotice(mark: YankMark | undefined): YankNotice | undefined {
  return mark?.yanked === true ? { reason: mark.reason, by: mark.by, at: mark.atMs } : undefined;
}
