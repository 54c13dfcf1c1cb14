import { sql } from "../database/sql.ts";
import type { PackageSearch } from "./package-search.ts";
import { wordsOf } from "./search-words.ts";

/** By FTS5, in a table whose rows have the ids of their packages. */
export const sqlitePackageSearch: PackageSearch = {
  async index(transaction, packageId, { name, description, keywords, readme }) {
    await transaction.run(sql`DELETE FROM package_search WHERE rowid = ${packageId}`);
    await transaction.run(sql`
      INSERT INTO package_search (rowid, name, description, keywords, readme)
      VALUES (${packageId}, ${name}, ${description}, ${keywords}, ${readme})`);
  },

  matching(text) {
    const match = toMatch(text);
    if (match === "") return undefined;
    // FTS5 has the best at the lowest, below zero.
    return sql`SELECT rowid AS id, -bm25(package_search, 8.0, 3.0, 4.0, 1.0) AS relevance
      FROM package_search WHERE package_search MATCH ${match}`;
  },
};

/** Every word as a quoted prefix: nothing that a person types is FTS5's own syntax. */
function toMatch(text: string): string {
  return wordsOf(text)
    .map((forms) => `(${forms.map((form) => `"${form}"*`).join(" OR ")})`)
    .join(" AND ");
}
