import type { Digest } from "@cpm/base";
import type { Database, Transaction } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import type { Query } from "../database/sql.ts";
import type { StoredManifest } from "../metadata.ts";
import type { ObjectName, StagedState } from "../objects/object-storage.ts";

/** The address of a repository of another registry: `https://registry.example.org/acme/web`. */
export type Source = string;

export interface MirroredBlob {
  readonly sizeBytes: number;
  readonly object: ObjectName;
}

/** What the upstream said, and when it was last asked. */
export interface MirroredAnswer {
  /** JSON. */
  readonly answer: string;
  readonly etag: string | undefined;
  readonly checkedAtMs: number;
}

/** A blob on its way into the storage. */
export interface Arrival {
  readonly id: string;
  readonly digest: Digest;
  readonly state: StagedState;
}

/** Something that may leave the cache. */
export interface CacheEntry {
  readonly kind: "blob" | "manifest" | "answer";
  /** Empty for a blob. */
  readonly source: Source;
  /** The digest, or the question. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly usedAtMs: number;
}

/**
 * What the database knows of content of other registries. Every method is one transaction; what was recorded of a blob
 * is in the storage already, and an object leaves the storage only after no blob has it.
 */
export class MirrorRecords {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** A blob that the source was seen to have. */
  async blob(source: Source, digest: Digest): Promise<MirroredBlob | undefined> {
    const row = await this.#database.get<{ size_bytes: number; object: ObjectName }>(sql`
      SELECT b.size_bytes, b.object FROM mirror_blob_sources s JOIN mirror_blobs b ON b.digest = s.digest
      WHERE s.source = ${source} AND s.digest = ${digest}`);
    return row === undefined ? undefined : { sizeBytes: row.size_bytes, object: row.object };
  }

  /** Says that a source has a blob, where some other was seen to have it; false when the blob is not here. */
  async share(source: Source, digest: Digest): Promise<boolean> {
    return this.#database.transact(async (transaction) => {
      const known = await transaction.get(sql`SELECT 1 FROM mirror_blobs WHERE digest = ${digest}`);
      if (known !== undefined) await addSource(transaction, source, digest);
      return known !== undefined;
    });
  }

  /** Records a blob whose bytes have arrived. An object that it had before departs. */
  async addBlob(
    source: Source,
    { id, digest }: Arrival,
    { sizeBytes, object }: MirroredBlob,
    now: number,
  ): Promise<void> {
    await this.#database.transact(async (transaction) => {
      await transaction.run(sql`DELETE FROM mirror_arrivals WHERE id = ${id}`);
      const before = await transaction.get<{ object: ObjectName }>(
        sql`SELECT object FROM mirror_blobs WHERE digest = ${digest}`,
      );
      if (before !== undefined && before.object !== object) await addDeparture(transaction, before.object, now);
      await transaction.run(sql`DELETE FROM mirror_departures WHERE object = ${object}`);
      await transaction.run(sql`
        INSERT INTO mirror_blobs (digest, size_bytes, object, used_at) VALUES (${digest}, ${sizeBytes}, ${object}, ${now})
        ON CONFLICT (digest) DO UPDATE SET object = excluded.object, size_bytes = excluded.size_bytes,
          used_at = excluded.used_at`);
      await addSource(transaction, source, digest);
    });
  }

  /** Forgets a blob whose object turned out to be gone. */
  async dropBlob(digest: Digest, object: ObjectName): Promise<void> {
    await this.#run(sql`DELETE FROM mirror_blobs WHERE digest = ${digest} AND object = ${object}`);
  }

  async manifest(source: Source, digest: Digest): Promise<StoredManifest | undefined> {
    const row = await this.#database.get<{ media_type: string; bytes: Uint8Array }>(sql`
      SELECT media_type, bytes FROM mirror_manifests WHERE source = ${source} AND digest = ${digest}`);
    return row === undefined ? undefined : { digest, mediaType: row.media_type, bytes: row.bytes };
  }

  async hasManifest(source: Source, digest: Digest): Promise<boolean> {
    const found = await this.#database.get(sql`
      SELECT 1 FROM mirror_manifests WHERE source = ${source} AND digest = ${digest}`);
    return found !== undefined;
  }

  async addManifest(source: Source, { digest, mediaType, bytes }: StoredManifest, now: number): Promise<void> {
    await this.#run(sql`
      INSERT INTO mirror_manifests (source, digest, media_type, bytes, size_bytes, used_at)
      VALUES (${source}, ${digest}, ${mediaType}, ${bytes}, ${bytes.length}, ${now})
      ON CONFLICT (source, digest) DO UPDATE SET used_at = excluded.used_at`);
  }

  async answer(source: Source, question: string): Promise<MirroredAnswer | undefined> {
    const row = await this.#database.get<{ answer: string; etag: string | null; checked_at: number }>(sql`
      SELECT answer, etag, checked_at FROM mirror_answers WHERE source = ${source} AND question = ${question}`);
    if (row === undefined) return undefined;
    return { answer: row.answer, etag: row.etag ?? undefined, checkedAtMs: row.checked_at };
  }

  /** Who is checked is in use: there is no other record of that. */
  async putAnswer(source: Source, question: string, { answer, etag, checkedAtMs }: MirroredAnswer): Promise<void> {
    const sizeBytes = Buffer.byteLength(answer);
    await this.#run(sql`
      INSERT INTO mirror_answers (source, question, answer, etag, size_bytes, checked_at, used_at)
      VALUES (${source}, ${question}, ${answer}, ${etag ?? null}, ${sizeBytes}, ${checkedAtMs}, ${checkedAtMs})
      ON CONFLICT (source, question) DO UPDATE SET answer = excluded.answer, etag = excluded.etag,
        size_bytes = excluded.size_bytes, checked_at = excluded.checked_at, used_at = excluded.used_at`);
  }

  async checkAnswer(source: Source, question: string, now: number): Promise<void> {
    await this.#run(sql`
      UPDATE mirror_answers SET checked_at = ${now}, used_at = ${now}
      WHERE source = ${source} AND question = ${question}`);
  }

  async dropAnswer(source: Source, question: string): Promise<void> {
    await this.#run(sql`DELETE FROM mirror_answers WHERE source = ${source} AND question = ${question}`);
  }

  async beginArrival({ id, digest, state }: Arrival, now: number): Promise<void> {
    await this.#run(sql`
      INSERT INTO mirror_arrivals (id, digest, state, active_at)
      VALUES (${id}, ${digest}, ${JSON.stringify(state)}, ${now})`);
  }

  async saveArrival(id: string, state: StagedState, now: number): Promise<void> {
    await this.#run(
      sql`UPDATE mirror_arrivals SET state = ${JSON.stringify(state)}, active_at = ${now} WHERE id = ${id}`,
    );
  }

  async arrivalState(id: string): Promise<StagedState | undefined> {
    const row = await this.#database.get<{ state: string }>(sql`SELECT state FROM mirror_arrivals WHERE id = ${id}`);
    return row === undefined ? undefined : (JSON.parse(row.state) as StagedState);
  }

  async dropArrival(id: string): Promise<void> {
    await this.#run(sql`DELETE FROM mirror_arrivals WHERE id = ${id}`);
  }

  /** Those of which nothing was heard since. */
  async lostArrivals(inactiveSinceMs: number, limit: number): Promise<readonly Arrival[]> {
    const rows = await this.#database.all<{ id: string; digest: Digest; state: string }>(sql`
      SELECT id, digest, state FROM mirror_arrivals WHERE active_at < ${inactiveSinceMs}
      ORDER BY active_at LIMIT ${limit}`);
    return rows.map(({ id, digest, state }) => ({ id, digest, state: JSON.parse(state) as StagedState }));
  }

  /** Whether a blob has the object. */
  async isNeeded(object: ObjectName): Promise<boolean> {
    return (await this.#database.get(sql`SELECT 1 FROM mirror_blobs WHERE object = ${object}`)) !== undefined;
  }

  /** Notes that these were used, all at the same time: close enough to choose who leaves. */
  async touch(
    blobs: readonly Digest[],
    manifests: ReadonlyMap<Source, ReadonlySet<Digest>>,
    now: number,
  ): Promise<void> {
    if (blobs.length === 0 && manifests.size === 0) return;
    await this.#database.transact(async (transaction) => {
      await transaction.run(sql`UPDATE mirror_blobs SET used_at = ${now} WHERE digest IN ${blobs}`);
      for (const [source, digests] of manifests)
        await transaction.run(sql`
          UPDATE mirror_manifests SET used_at = ${now} WHERE source = ${source} AND digest IN ${[...digests]}`);
    });
  }

  /** Of everything that is kept. */
  async totalBytes(): Promise<number> {
    const row = await this.#database.get<{ total: number | string }>(sql`
      SELECT (SELECT coalesce(sum(size_bytes), 0) FROM mirror_blobs)
        + (SELECT coalesce(sum(size_bytes), 0) FROM mirror_manifests)
        + (SELECT coalesce(sum(size_bytes), 0) FROM mirror_answers) AS total`);
    return Number(row?.total ?? 0);
  }

  /** Those that were not used for the longest time, the longest first. */
  async leastUsed(limit: number): Promise<readonly CacheEntry[]> {
    const rows = await this.#database.all<{
      kind: CacheEntry["kind"];
      source: Source;
      name: string;
      size_bytes: number;
      used_at: number;
    }>(sql`
      SELECT 'blob' AS kind, '' AS source, digest AS name, size_bytes, used_at FROM mirror_blobs
      UNION ALL SELECT 'manifest' AS kind, source, digest AS name, size_bytes, used_at FROM mirror_manifests
      UNION ALL SELECT 'answer' AS kind, source, question AS name, size_bytes, used_at FROM mirror_answers
      ORDER BY used_at LIMIT ${limit}`);
    return rows.map(({ size_bytes: sizeBytes, used_at: usedAtMs, ...rest }) => ({ ...rest, sizeBytes, usedAtMs }));
  }

  /** Lets entries leave that were not used since they were listed; answers those that left. */
  async evict(entries: readonly CacheEntry[], now: number): Promise<readonly CacheEntry[]> {
    return this.#database.transact(async (transaction) => {
      const left: CacheEntry[] = [];
      for (const entry of entries) if (await evictOne(transaction, entry, now)) left.push(entry);
      return left;
    });
  }

  /** Objects that left before, the earliest first. */
  async departures(beforeMs: number, limit: number): Promise<readonly ObjectName[]> {
    const rows = await this.#database.all<{ object: ObjectName }>(sql`
      SELECT object FROM mirror_departures WHERE left_at <= ${beforeMs} ORDER BY left_at LIMIT ${limit}`);
    return rows.map(({ object }) => object);
  }

  async dropDeparture(object: ObjectName): Promise<void> {
    await this.#run(sql`DELETE FROM mirror_departures WHERE object = ${object}`);
  }

  async #run(query: Query): Promise<void> {
    await this.#database.transact((transaction) => transaction.run(query));
  }
}

async function addSource(transaction: Transaction, source: Source, digest: Digest): Promise<void> {
  await transaction.run(sql`
    INSERT INTO mirror_blob_sources (source, digest) VALUES (${source}, ${digest})
    ON CONFLICT (source, digest) DO NOTHING`);
}

async function addDeparture(transaction: Transaction, object: ObjectName, now: number): Promise<void> {
  await transaction.run(sql`
    INSERT INTO mirror_departures (object, left_at) VALUES (${object}, ${now}) ON CONFLICT (object) DO NOTHING`);
}

async function evictOne(transaction: Transaction, entry: CacheEntry, now: number): Promise<boolean> {
  const { kind, source, name, usedAtMs } = entry;
  if (kind === "manifest")
    return (
      (await transaction.run(sql`
        DELETE FROM mirror_manifests WHERE source = ${source} AND digest = ${name} AND used_at = ${usedAtMs}`)) > 0
    );
  if (kind === "answer")
    return (
      (await transaction.run(sql`
        DELETE FROM mirror_answers WHERE source = ${source} AND question = ${name} AND used_at = ${usedAtMs}`)) > 0
    );
  const gone = await transaction.get<{ object: ObjectName }>(sql`
    DELETE FROM mirror_blobs WHERE digest = ${name} AND used_at = ${usedAtMs} RETURNING object`);
  if (gone !== undefined) await addDeparture(transaction, gone.object, now);
  return gone !== undefined;
}
