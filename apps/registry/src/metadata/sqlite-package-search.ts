import { sql } from "../database/sql.ts";
import type { PackageSearch, PackageTableRow } from "./package-search.ts";
import { wordsOf } from "./search-words.ts";
import { isVisible } from "./visible-rows.ts";

/** By FTS5, in a table whose rows have the ids of their packages. */
export const sqlitePackageSearch: PackageSearch = {
  async index(transaction, packageId, { name, description, keywords, readme }) {
    await transaction.run(sql`DELETE FROM package_search WHERE rowid = ${packageId}`);
    await transaction.run(sql`
      INSERT INTO package_search (rowid, name, description, keywords, readme)
      VALUES (${packageId}, ${name}, ${description}, ${keywords}, ${readme})`);
  },

  async find(reader, text, visible, limit, offset) {
    const match = toMatch(text);
    if (match === "") return { total: 0, rows: [] };
    const found = sql`FROM package_search s JOIN packages p ON p.id = s.rowid
      WHERE package_search MATCH ${match} AND ${isVisible(sql`p.namespace`, sql`p.name`, visible)}`;
    const total = await reader.get<{ total: number }>(sql`SELECT count(*) AS total ${found}`);
    const rows = await reader.all<PackageTableRow>(sql`
      SELECT p.* ${found}
      ORDER BY p.name = ${text} DESC, substr(p.name, instr(p.name, '/') + 1) = ${text} DESC,
        bm25(package_search, 8.0, 3.0, 4.0, 1.0), p.name LIMIT ${limit} OFFSET ${offset}`);
    return { total: total?.total ?? 0, rows };
  },
};

/** Every word as a quoted prefix: nothing that a person types is FTS5's own syntax. */
function toMatch(text: string): string {
  return wordsOf(text)
    .map((forms) => `(${forms.map((form) => `"${form}"*`).join(" OR ")})`)
    .join(" AND ");
}
