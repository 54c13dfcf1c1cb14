import type { Digest } from "@cpm/base";
import type { AuditedDatabase, AuditedTransaction, Author } from "../access/audited-database.ts";
import { namespaceOf } from "../access/namespaces.ts";
import { sql } from "../database/sql.ts";
import { healDamage } from "../metadata/damages.ts";
import { blobsAfter, manifestsAfter } from "./scrub-contents.ts";
import type { BlobToScrub, ContentToScrub, ManifestToScrub } from "./scrub-contents.ts";

/** How far a pass over everything has come. */
export interface ScrubProgress {
  /** What was looked at last: a blob where `repositoryId` is 0, else a manifest of that repository. */
  readonly repositoryId: number;
  readonly digest: string;
  readonly startedAtMs: number;
  readonly contents: number;
  readonly hashedBytes: number;
  readonly damaged: number;
  /** What could not be read, which says nothing about it: it is looked at in the next pass. */
  readonly unreadable: number;
}

export interface ScrubStatus {
  /** Undefined between passes. */
  readonly pass: ScrubProgress | undefined;
  /** The last pass that ended. */
  readonly last: { readonly startedAtMs: number; readonly endedAtMs: number } | undefined;
  /** Of the pass that is under way, and between passes of the last one. */
  readonly counts: Pick<ScrubProgress, "contents" | "hashedBytes" | "damaged" | "unreadable">;
}

/** What is wrong with a content: its bytes are not there, or are not what the digest says. */
export type Finding = "lost" | "changed";

/** Something that is or was damaged. */
export interface Damage {
  readonly digest: Digest;
  /** Of a manifest, the repository that has it; undefined for a blob. */
  readonly repository: string | undefined;
  readonly finding: Finding;
  readonly sizeBytes: number;
  readonly foundAtMs: number;
  /** Where a copy of what was there is kept; undefined where nothing was, and for a manifest. */
  readonly keptAs: string | undefined;
}

interface DamageRow {
  readonly digest: Digest;
  readonly repository: string;
  readonly finding: Finding;
  readonly size_bytes: number;
  readonly found_at: number;
  readonly kept_as: string | null;
}

interface ScrubRow {
  readonly repository_id: number;
  readonly digest: string;
  readonly started_at: number | null;
  readonly contents: number;
  readonly hashed_bytes: number;
  readonly damaged: number;
  readonly unreadable: number;
  readonly last_started_at: number | null;
  readonly last_ended_at: number | null;
}

/** For longer than a process may be held up without being gone. It is renewed with the position. */
export const scrubLeaseMs = 60_000;
/** Of what was deleted or collected since nothing is damaged any more. */
const isOpen = sql`healed_at IS NULL AND (
  (repository = '' AND EXISTS (SELECT 1 FROM blobs b WHERE b.digest = damages.digest AND b.damaged_at IS NOT NULL))
  OR EXISTS (SELECT 1 FROM manifests m JOIN repositories r ON r.id = m.repository_id
    WHERE r.name = damages.repository AND m.digest = damages.digest AND m.damaged_at IS NOT NULL))`;

/** Who finds damages, in the audit log. */
const author: Author = { actor: "scrub", requestId: "scrub" };

const columns = sql`repository_id, digest, started_at, contents, hashed_bytes, damaged, unreadable,
  last_started_at, last_ended_at`;

/** How far scrubbing has come and what it found, in the database. `holder`: `job:` or `command:`, and who. */
export class ScrubRecords {
  readonly #database: AuditedDatabase;
  readonly #holder: string;

  constructor(database: AuditedDatabase, holder: string) {
    this.#database = database;
    this.#holder = holder;
  }

  async status(): Promise<ScrubStatus> {
    const row = await this.#database.get<ScrubRow>(sql`SELECT ${columns} FROM scrub WHERE id = 1`);
    if (row === undefined) throw new TypeError("the row of the scrub is made with its table");
    const { last_started_at: startedAtMs, last_ended_at: endedAtMs } = row;
    return {
      pass: toProgress(row),
      last: startedAtMs === null || endedAtMs === null ? undefined : { startedAtMs, endedAtMs },
      counts: toCounts(row),
    };
  }

  /**
   * Takes over the pass that is under way, or begins one, which `restart` always does. Undefined while somebody else is
   * at it, other than a job that a command takes it from.
   */
  async claim(restart: boolean): Promise<ScrubProgress | undefined> {
    const now = this.#database.now();
    const command = this.#holder.startsWith("command:") ? "job:%" : "";
    const anew = restart ? sql`1 = 1` : sql`started_at IS NULL`;
    return this.#database.transact(async (transaction) => {
      const claimed = await transaction.run(sql`
        UPDATE scrub SET holder = ${this.#holder}, leased_until = ${now + scrubLeaseMs}
        WHERE id = 1 AND (leased_until <= ${now} OR leased_until > ${now + 2 * scrubLeaseMs} OR holder LIKE ${command})`);
      if (claimed === 0) return undefined;
      await transaction.run(sql`
        UPDATE scrub SET repository_id = 0, digest = '', started_at = ${now}, contents = 0, hashed_bytes = 0,
          damaged = 0, unreadable = 0 WHERE id = 1 AND ${anew}`);
      const row = await transaction.get<ScrubRow>(sql`SELECT ${columns} FROM scrub WHERE id = 1`);
      return row === undefined ? undefined : toProgress(row);
    });
  }

  /** False when somebody else has the pass by now: then nothing is written. */
  async save(progress: ScrubProgress): Promise<boolean> {
    return this.#update(progress, this.#database.now() + scrubLeaseMs);
  }

  /** The same, and leaves the pass to whoever comes next. */
  async release(progress: ScrubProgress): Promise<boolean> {
    return this.#update(progress, 0);
  }

  /** Everything was looked at. */
  async end(progress: ScrubProgress): Promise<boolean> {
    const now = this.#database.now();
    const ended = await this.#database.run(sql`
      UPDATE scrub SET leased_until = 0, started_at = NULL, repository_id = 0, digest = '',
        contents = ${progress.contents}, hashed_bytes = ${progress.hashedBytes}, damaged = ${progress.damaged},
        unreadable = ${progress.unreadable}, last_started_at = ${progress.startedAtMs}, last_ended_at = ${now}
      WHERE id = 1 AND holder = ${this.#holder}`);
    return ended > 0;
  }

  /** What comes next in the pass: first every blob by its digest, then every manifest. None at its end. */
  async next({ repositoryId, digest }: ScrubProgress): Promise<readonly ContentToScrub[]> {
    const blobs = repositoryId === 0 ? await blobsAfter(this.#database, digest) : [];
    return blobs.length > 0 ? blobs : manifestsAfter(this.#database, repositoryId, repositoryId === 0 ? "" : digest);
  }

  /**
   * The bytes of a blob were found wrong, and what was there was kept aside. False, and nothing changes, when others
   * were stored for it meanwhile, or it is not there any more.
   */
  async recordBlob(blob: BlobToScrub, finding: Finding, keptAs: string | undefined): Promise<boolean> {
    return this.#database.change(author, async (change) => {
      const marked = await change.run(sql`
        UPDATE blobs SET damaged_at = ${change.now}
        WHERE digest = ${blob.digest} AND created_at = ${blob.createdAtMs} AND generation = ${blob.generation}
          AND damaged_at IS NULL`);
      if (marked === 0) return false;
      await insertDamage(change, { ...blob, repository: undefined, finding, foundAtMs: change.now, keptAs });
      return true;
    });
  }

  /** The bytes of a manifest are not what its digest says. Those that were found are kept with the record. */
  async recordManifest({ repositoryId, repository, digest, bytes }: ManifestToScrub): Promise<boolean> {
    return this.#database.change(author, async (change) => {
      const marked = await change.run(sql`
        UPDATE manifests SET damaged_at = ${change.now}
        WHERE repository_id = ${repositoryId} AND digest = ${digest} AND bytes = ${bytes} AND damaged_at IS NULL`);
      if (marked === 0) return false;
      const sizeBytes = bytes.length;
      const foundAtMs = change.now;
      const damage = { digest, repository, finding: "changed", sizeBytes, foundAtMs, keptAs: undefined } as const;
      await insertDamage(change, damage, bytes);
      return true;
    });
  }

  /** What was damaged was found whole: its storage had been away, or somebody put it back. */
  async recordSound(content: ContentToScrub): Promise<void> {
    const { digest, repositoryId } = content;
    const repository = content.kind === "blob" ? "" : content.repository;
    const now = this.#database.now();
    await this.#database.transact(async (transaction) => {
      if (content.kind === "blob")
        await transaction.run(sql`
          UPDATE blobs SET damaged_at = NULL WHERE digest = ${digest} AND generation = ${content.generation}`);
      else
        await transaction.run(sql`
          UPDATE manifests SET damaged_at = NULL WHERE repository_id = ${repositoryId} AND digest = ${digest}`);
      await healDamage(transaction, digest, repository, now);
    });
  }

  /** What is damaged now, in byte order of the digests, at most `limit` after `last`. */
  async damages(last: Damage | undefined, limit: number): Promise<readonly Damage[]> {
    const after = sql`(digest, repository) > (${last?.digest ?? ""}, ${last?.repository ?? ""})`;
    const rows = await this.#database.all<DamageRow>(sql`
      SELECT digest, repository, finding, size_bytes, found_at, kept_as FROM damages
      WHERE ${isOpen} AND ${after} ORDER BY digest, repository LIMIT ${limit}`);
    return rows.map(toDamage);
  }

  async countDamages(): Promise<number> {
    const row = await this.#database.get<{ count: number }>(sql`SELECT count(*) AS count FROM damages WHERE ${isOpen}`);
    return row?.count ?? 0;
  }

  async #update(progress: ScrubProgress, leasedUntilMs: number): Promise<boolean> {
    const { repositoryId, digest, contents, hashedBytes, damaged, unreadable } = progress;
    const updated = await this.#database.run(sql`
      UPDATE scrub SET leased_until = ${leasedUntilMs}, repository_id = ${repositoryId}, digest = ${digest},
        contents = ${contents}, hashed_bytes = ${hashedBytes}, damaged = ${damaged}, unreadable = ${unreadable}
      WHERE id = 1 AND holder = ${this.#holder}`);
    return updated > 0;
  }
}

async function insertDamage(
  change: AuditedTransaction,
  damage: Damage,
  bytes: Uint8Array | null = null,
): Promise<void> {
  const { digest, repository, finding, sizeBytes, foundAtMs, keptAs } = damage;
  await change.run(sql`
    INSERT INTO damages (digest, repository, found_at, finding, size_bytes, kept_as, bytes)
    VALUES (${digest}, ${repository ?? ""}, ${foundAtMs}, ${finding}, ${sizeBytes}, ${keptAs ?? null}, ${bytes})`);
  const detail = { digest, finding, ...(keptAs === undefined ? {} : { keptAs }) };
  if (repository === undefined) await change.record({ action: "blob.damaged", subject: digest, detail });
  else
    await change.record({
      action: "manifest.damaged",
      namespace: namespaceOf(repository),
      subject: repository,
      detail,
    });
}

function toProgress(row: ScrubRow): ScrubProgress | undefined {
  if (row.started_at === null) return undefined;
  return {
    repositoryId: row.repository_id,
    digest: row.digest,
    startedAtMs: row.started_at,
    ...toCounts(row),
  };
}

function toCounts({ contents, hashed_bytes: hashedBytes, damaged, unreadable }: ScrubRow): ScrubStatus["counts"] {
  return { contents, hashedBytes, damaged, unreadable };
}

function toDamage(row: DamageRow): Damage {
  return {
    digest: row.digest,
    repository: row.repository === "" ? undefined : row.repository,
    finding: row.finding,
    sizeBytes: row.size_bytes,
    foundAtMs: row.found_at,
    keptAs: row.kept_as ?? undefined,
  };
}
