import type { Visibility } from "../access/rights.ts";
import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { registryError } from "../errors.ts";
import { isVisible } from "../metadata/visible-rows.ts";
import type { ChangeEvent, ChangeKind } from "./change-event.ts";

export interface Change extends ChangeEvent {
  readonly place: number;
  readonly at: number;
}

export interface ChangePage {
  readonly changes: readonly Change[];
  /** After which the next page begins. Changes that the reader may not see are passed over. */
  readonly next: number;
  /** Whether there is more than this page looked at. */
  readonly more: boolean;
}

interface Row {
  readonly place: number;
  readonly at: number;
  readonly kind: ChangeKind;
  readonly name: string;
  readonly detail: string;
}

/** How many places are given in one transaction, looked at for one page, and forgotten in one transaction. */
const placedAtOnce = 1000;
const lookedAtOnce = 5000;
const forgottenAtOnce = 1000;

/**
 * The changes of the registry in an order that every reader sees alike, and in which nothing appears before what was
 * read already. Sequences of a database cannot be that order: a transaction takes its number before it is committed, and
 * a reader who saw a later one would miss it. A counter that every change writes could, and would have all changes wait
 * for each other. So a change gets its place when it is committed, by whoever looks for new ones: in the order of
 * numbers, which is right for changes of which one followed the other. Only those who give places wait for each other.
 */
export class ChangeFeed {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Whether there is something after a place. */
  async hasMore(place: number): Promise<boolean> {
    return (await this.#hasUnplaced()) || (await this.#last()) > place;
  }

  /** The place of the newest change. */
  async latest(): Promise<number> {
    await this.#place();
    return this.#last();
  }

  /**
   * Of what may be shown. Throws `registry-server/cursor-gone` when what followed the place is no longer kept, or when it
   * is none of this feed.
   */
  async read(visible: Visibility, after: number, limit: number): Promise<ChangePage> {
    const last = await this.latest();
    await this.#assertKept(after, last);
    const end = Math.min(last, after + lookedAtOnce);
    const rows = await this.#database.all<Row>(sql`
      SELECT c.place, c.at, c.kind, c.name, c.detail FROM changes c
      WHERE c.place > ${after} AND c.place <= ${end} AND ${isVisible(sql`c.namespace`, sql`c.name`, visible)}
      ORDER BY c.place LIMIT ${limit}`);
    const next = rows.length < limit ? end : (rows.at(-1)?.place ?? end);
    return { changes: rows.map(toChange), next, more: next < last };
  }

  /** Removes changes from before a time, the oldest first; true when there are more of them. */
  async forget(beforeMs: number): Promise<boolean> {
    await this.#place();
    return this.#database.transact(async (transaction) => {
      const { end } = (await transaction.get<{ end: number | null }>(
        sql`SELECT max(place) AS "end" FROM changes WHERE at < ${beforeMs}`,
      )) ?? { end: null };
      if (end === null) return false;
      const removed = await transaction.run(sql`
        DELETE FROM changes WHERE id IN (
          SELECT id FROM changes WHERE place <= ${end} ORDER BY place LIMIT ${forgottenAtOnce})`);
      return removed === forgottenAtOnce;
    });
  }

  async #place(): Promise<void> {
    while (await this.#hasUnplaced()) {
      const placed = await this.#database.transact(async (transaction) => {
        const unplaced = sql`SELECT id FROM changes WHERE place IS NULL ORDER BY id LIMIT ${placedAtOnce}`;
        const { count } = (await transaction.get<{ count: number }>(
          sql`SELECT count(*) AS count FROM (${unplaced}) AS unplaced`,
        )) ?? { count: 0 };
        // First of all: who gives places at the same time begins again after this one, and finds others.
        const given = await transaction.get<{ last: number }>(
          sql`UPDATE change_places SET last = last + ${count} WHERE one = 1 RETURNING last`,
        );
        await transaction.run(sql`
          UPDATE changes SET place = placed.place FROM (
            SELECT id, CAST(${(given?.last ?? 0) - count} AS BIGINT) + row_number() OVER (ORDER BY id) AS place
            FROM (${unplaced}) AS unplaced) AS placed
          WHERE changes.id = placed.id`);
        return count;
      });
      if (placed < placedAtOnce) return;
    }
  }

  async #hasUnplaced(): Promise<boolean> {
    return (await this.#database.get(sql`SELECT 1 FROM changes WHERE place IS NULL LIMIT 1`)) !== undefined;
  }

  async #last(): Promise<number> {
    return (await this.#database.get<{ last: number }>(sql`SELECT last FROM change_places WHERE one = 1`))?.last ?? 0;
  }

  async #assertKept(after: number, last: number): Promise<void> {
    if (after === last) return;
    const oldest = await this.#database.get<{ place: number | null }>(sql`SELECT min(place) AS place FROM changes`);
    if (after > last || after < (oldest?.place ?? last + 1) - 1)
      throw registryError("registry-server/cursor-gone", `what followed ${after} is not kept`);
  }
}

function toChange({ kind, name, detail, ...row }: Row): Change {
  const own = kind.startsWith("namespace.") ? name.slice(0, -1) : name;
  return { ...row, kind, name: own, detail: JSON.parse(detail) as Record<string, string> };
}
