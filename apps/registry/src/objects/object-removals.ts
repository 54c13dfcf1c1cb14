import { failpoint } from "@cpm/store";
import type { Database, Reader } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import type { Query } from "../database/sql.ts";
import { storageFailed } from "../errors.ts";
import type { ObjectName, ObjectStorage } from "./object-storage.ts";

export interface RemovedObjects {
  readonly count: number;
  readonly sizeBytes: number;
}

interface RemovalRow {
  readonly object: ObjectName;
  readonly size_bytes: number;
}

/** For how long whoever takes a removal on has it; within half of that an object is removed or left to others. */
const removalLeaseMs = 60_000;
const removedAtOnce = 8;
const longestWaitMs = 10_000;
const pollMs = 50;

/**
 * Removes objects that no blob has any more: those in the table `object_removals`, which a transaction names there when
 * it takes them from their blob. While a name stands there, no upload becomes a blob with an object of that name, so
 * that nothing new is removed in place of something old; the row goes after the object, whoever crashes.
 */
export class ObjectRemovals {
  readonly #database: Database;
  readonly #storage: ObjectStorage;
  readonly #now: () => number;

  constructor(database: Database, storage: ObjectStorage, now: () => number) {
    this.#database = database;
    this.#storage = storage;
    this.#now = now;
  }

  /** Removes what is due, at most so many. Throws when some could not be removed, which are then tried again later. */
  async removeDue(limit: number): Promise<RemovedObjects> {
    const due = sql`(SELECT object FROM object_removals WHERE remove_after <= ${this.#now()}
      ORDER BY remove_after LIMIT ${limit})`;
    return this.#remove(due);
  }

  /** Resolves once no object of that name is being removed. Throws `registry-server/storage` when that takes too long. */
  async untilFree(object: ObjectName): Promise<void> {
    const deadline = performance.now() + longestWaitMs;
    while (await isBeingRemoved(this.#database, object)) {
      // Whoever began it may have died.
      const left = sql`(SELECT object FROM object_removals WHERE object = ${object} AND remove_after <= ${this.#now()})`;
      const { count } = await this.#remove(left);
      if (count > 0) continue;
      if (performance.now() > deadline) throw storageFailed(`an earlier ${object} is still being removed`);
      await Bun.sleep(pollMs);
    }
  }

  async #remove(which: Query): Promise<RemovedObjects> {
    const until = this.#now() + removalLeaseMs;
    const rows = await this.#database.transact((transaction) =>
      transaction.all<RemovalRow>(sql`
        UPDATE object_removals SET remove_after = ${until} WHERE object IN ${which} RETURNING object, size_bytes`),
    );
    if (rows.length === 0) return { count: 0, sizeBytes: 0 };
    failpoint("collect/removals-claimed");
    const deadline = performance.now() + removalLeaseMs / 2;
    const [removed, gone]: [RemovalRow[], ObjectName[]] = [[], []];
    const failures: unknown[] = [];
    const removeNext = async (): Promise<void> => {
      for (let row = rows.pop(); row !== undefined && performance.now() < deadline; row = rows.pop()) {
        try {
          if (await this.#storage.remove(row.object)) removed.push(row);
          failpoint("collect/object-removed");
          gone.push(row.object);
        } catch (error) {
          failures.push(error);
        }
      }
    };
    await Promise.all(Array.from({ length: removedAtOnce }, removeNext));
    await this.#forget(gone);
    if (failures.length > 0) throw failures[0];
    return { count: removed.length, sizeBytes: removed.reduce((sum, { size_bytes }) => sum + size_bytes, 0) };
  }

  async #forget(objects: readonly ObjectName[]): Promise<void> {
    await this.#database.transact((transaction) =>
      transaction.run(sql`DELETE FROM object_removals WHERE object IN ${objects}`),
    );
    failpoint("collect/removals-forgotten");
  }
}

export async function isBeingRemoved(reader: Reader, object: ObjectName): Promise<boolean> {
  return (await reader.get(sql`SELECT 1 FROM object_removals WHERE object = ${object}`)) !== undefined;
}
