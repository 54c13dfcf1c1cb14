import { namespaceOf } from "../access/namespaces.ts";
import type { Reader } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import type { Query } from "../database/sql.ts";
import type { NameRules } from "../metadata.ts";
import { isSeries, lookOf, mistypingsOf, stemOf } from "../names/resemblance.ts";
import { isVisible } from "./visible-rows.ts";

/** Parts of names that are shorter are one mistake away from everything, so that a mistake says nothing. */
const shortestMistyped = 4;
/** The same for names of namespaces that have nothing to do with one another. */
const shortestElsewhere = 6;

/**
 * A package that somebody could mean and get the new one of this name, of those that its author may see:
 *
 * 1. One that looks the same, in whatever namespace.
 * 2. In another namespace, one that differs by the numbers at the ends of the parts.
 * 3. A much used one that is one mistake in typing away: in the same namespace by its own name, unless the two are a
 *    series; by its namespace; or with a name of its own that looks the same or is mistyped in a namespace elsewhere.
 *
 * The same name in another namespace is no mistake: that is what namespaces are for.
 */
export async function similarPackage(reader: Reader, name: string, rules: NameRules): Promise<string | undefined> {
  const namespace = namespaceOf(name);
  const bare = name.slice(namespace.length + 1);
  const first = async (condition: Query, isMeant: (other: string) => boolean = () => true) => {
    const rows = await reader.all<{ name: string }>(sql`
      SELECT p.name FROM packages p
      WHERE ${condition} AND p.name <> ${name} AND ${isVisible(sql`p.namespace`, sql`p.name`, rules.visible)}
      ORDER BY p.recent_downloads DESC, p.name LIMIT 50`);
    return rows.map((row) => row.name).find(isMeant);
  };
  const muchUsed = sql`p.recent_downloads >= ${rules.muchUsedFrom}`;
  return (
    (await first(sql`p.look = ${lookOf(name)}`)) ??
    (await first(sql`p.stem = ${stemOf(name)} AND p.namespace <> ${namespace}`)) ??
    (await first(sql`p.bare_look = ${lookOf(bare)} AND p.bare_name <> ${bare} AND ${muchUsed}`)) ??
    (await first(sql`p.bare_name IN ${mistyped(bare)} AND ${muchUsed}`, (other) => isMistaken(other, name))) ??
    (await first(sql`p.name IN ${mistyped(namespace).map((other) => `${other}/${bare}`)} AND ${muchUsed}`))
  );
}

function mistyped(part: string): readonly string[] {
  return part.length < shortestMistyped ? [] : mistypingsOf(part);
}

/** Of two names that are one mistake apart behind their namespaces. */
function isMistaken(other: string, name: string): boolean {
  if (namespaceOf(other) === namespaceOf(name)) return !isSeries(other, name);
  return name.length - namespaceOf(name).length - 1 >= shortestElsewhere;
}
