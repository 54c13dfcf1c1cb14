import { isJsonObject, parseJson } from "@cpm/base";
import type { JsonValue } from "@cpm/base";
import { payloadPlatforms } from "@cpm/model";
import type { Transaction } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import type { Query } from "../database/sql.ts";
import type { SearchFilters, VerifiedPackage } from "../metadata.ts";

type FacetKind = "keyword" | "executor" | "platform";

/** What a package without files for single platforms has in their place. */
const anyPlatform = "any";

/** Replaces what a package can be narrowed by. */
export async function storeFacets(transaction: Transaction, packageId: number, verified: VerifiedPackage) {
  await transaction.run(sql`DELETE FROM package_facets WHERE package_id = ${packageId}`);
  for (const [kind, values] of facetsOf(verified)) {
    if (values.length === 0) continue;
    await transaction.run(sql`
      INSERT INTO package_facets (kind, value, package_id)
      SELECT CAST(${kind} AS TEXT), facet.value, p.id FROM packages p CROSS JOIN ${values} AS facet
      WHERE p.id = ${packageId}`);
  }
}

function facetsOf({ keywords, manifest }: VerifiedPackage): readonly (readonly [FacetKind, readonly string[]])[] {
  const document = parseJson(manifest);
  const { requires, payload } = isJsonObject(document) ? document : {};
  const platforms = payloadPlatforms(payload);
  return [
    ["keyword", [...new Set(keywords)]],
    ["executor", executorTypes(isJsonObject(requires) ? requires["executors"] : undefined)],
    ["platform", platforms.length === 0 ? [anyPlatform] : platforms],
  ];
}

function executorTypes(executors: JsonValue | undefined): readonly string[] {
  const listed = Array.isArray(executors) ? (executors as readonly JsonValue[]) : [];
  const types = listed.flatMap((entry) => {
    const type = isJsonObject(entry) ? entry["type"] : undefined;
    return typeof type === "string" ? [type] : [];
  });
  return [...new Set(types)];
}

export function isUnfiltered(filters: SearchFilters): boolean {
  return Object.values(filters).every((values: readonly string[]) => values.length === 0);
}

/** A condition for rows of `packages p`: every one of the filters holds. */
export function matchesFilters({ keywords, owners, executors, platforms }: SearchFilters): Query {
  const conditions = [
    ...keywords.map((keyword) => hasFacet("keyword", [keyword])),
    ...executors.map((type) => hasFacet("executor", [type])),
    ...platforms.map((platform) => hasFacet("platform", [platform, anyPlatform])),
    ...owners.map(isOwnedBy),
  ];
  return conditions.reduce((all, condition) => sql`${all} AND ${condition}`, sql`1 = 1`);
}

function hasFacet(kind: FacetKind, values: readonly string[]): Query {
  return sql`p.id IN (SELECT f.package_id FROM package_facets f WHERE f.kind = ${kind} AND f.value IN ${values})`;
}

/** A namespace, or whoever owns one. */
function isOwnedBy(owner: string): Query {
  return sql`p.namespace IN (
    SELECT CAST(${owner} AS TEXT) UNION ALL
    SELECT m.namespace FROM members m JOIN users u ON u.id = m.user_id WHERE u.name = ${owner} AND m.role = 'owner')`;
}
