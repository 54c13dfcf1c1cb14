import type { Visibility } from "../access/rights.ts";
import type { Reader } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import type { Query } from "../database/sql.ts";
import type { PackageRow, SearchQuery, SearchResult } from "../metadata.ts";
import { isUnfiltered, matchesFilters } from "./package-facets.ts";
import type { PackageSearch } from "./package-search.ts";
import { isVisible } from "./visible-rows.ts";

export interface PackageTableRow {
  readonly id: number;
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly keywords: string;
  readonly readme: string | null;
  readonly updated_at: number;
  readonly downloads: number;
  readonly recent_downloads: number;
}

/** Which of what was found is shown. */
export interface PageOf {
  readonly visible: Visibility;
  readonly limit: number;
  readonly offset: number;
}

/** Among packages whose words fit about as well, the one comes first that is used more. */
const gradesOfRelevance = 10;

export async function searchPackages(
  reader: Reader,
  search: PackageSearch,
  { text, filters }: SearchQuery,
  page: PageOf,
): Promise<SearchResult> {
  const condition = sql`${isVisible(sql`p.namespace`, sql`p.name`, page.visible)} AND ${matchesFilters(filters)}`;
  const words = text.trim().toLowerCase();
  if (words === "") {
    const counted = isUnfiltered(filters) ? countable(page.visible, condition) : condition;
    return listPackages(reader, condition, counted, sql`p.recent_downloads DESC, p.name`, page);
  }
  const matching = search.matching(words);
  return matching === undefined
    ? { total: 0, results: [] }
    : matchingPackages(reader, matching, words, condition, page);
}

export function namespacePackages(reader: Reader, namespace: string, page: PageOf): Promise<SearchResult> {
  const shown = isVisible(sql`p.namespace`, sql`p.name`, page.visible);
  const condition = sql`p.namespace = ${namespace} AND ${shown}`;
  return listPackages(reader, condition, condition, sql`p.name`, page);
}

/**
 * The same condition by namespaces, where it can be: then an index counts and no package is read, which for ten thousand
 * takes a tenth of the time. A list ordered by it would sort them all.
 */
function countable(visible: Visibility, condition: Query): Query {
  if (visible.patterns.length > 0) return condition;
  return sql`p.namespace IN (
    SELECT v.name FROM namespaces v WHERE ${isVisible(sql`v.name`, sql`v.name`, visible)})`;
}

/** `counted` is `condition` in words that are counted faster. */
async function listPackages(
  reader: Reader,
  condition: Query,
  counted: Query,
  order: Query,
  { limit, offset }: PageOf,
): Promise<SearchResult> {
  const total = await countOf(reader, sql`FROM packages p WHERE ${counted}`);
  const rows = await reader.all<PackageTableRow>(
    sql`SELECT p.* FROM packages p WHERE ${condition} ORDER BY ${order} LIMIT ${limit} OFFSET ${offset}`,
  );
  return { total, results: rows.map(toPackage) };
}

/** The exact name first, with its namespace or without; then by relevance, in grades of the best one's; then by use. */
async function matchingPackages(
  reader: Reader,
  matching: Query,
  text: string,
  condition: Query,
  { limit, offset }: PageOf,
): Promise<SearchResult> {
  // Without the relevance, which is then not computed.
  const total = await countOf(
    reader,
    sql`FROM (${matching}) AS matching JOIN packages p ON p.id = matching.id WHERE ${condition}`,
  );
  const grade = sql`${gradesOfRelevance} * matching.relevance / (SELECT max(relevance) FROM matching)`;
  const rows = await reader.all<PackageTableRow>(sql`
    WITH matching AS MATERIALIZED (${matching})
    SELECT p.* FROM matching JOIN packages p ON p.id = matching.id WHERE ${condition}
    ORDER BY p.name = ${text} DESC, p.name = p.namespace || '/' || ${text} DESC,
      CAST(${grade} AS INTEGER) DESC, p.recent_downloads DESC, p.name
    LIMIT ${limit} OFFSET ${offset}`);
  return { total, results: rows.map(toPackage) };
}

async function countOf(reader: Reader, found: Query): Promise<number> {
  return (await reader.get<{ total: number }>(sql`SELECT count(*) AS total ${found}`))?.total ?? 0;
}

export function toPackage(row: PackageTableRow): PackageRow {
  const { name, version, description } = row;
  const keywords = row.keywords === "" ? [] : row.keywords.split(" ");
  const downloads = { total: row.downloads, last90Days: row.recent_downloads };
  return { name, version, description, keywords, updatedAt: row.updated_at, downloads };
}
