import type { Database, Transaction } from "../database/database.ts";
import type { Query } from "../database/sql.ts";
import { postgresPackageSearch } from "./postgres-package-search.ts";
import { sqlitePackageSearch } from "./sqlite-package-search.ts";

/** The words that a package is found by. */
export interface PackageWords {
  readonly name: string;
  readonly description: string;
  readonly keywords: string;
  readonly readme: string;
}

/** Full text search, which every database does in a way of its own. */
export interface PackageSearch {
  /** Replaces the words of a package. */
  index(transaction: Transaction, packageId: number, words: PackageWords): Promise<void>;

  /**
   * A query for `id` and `relevance` of the packages that have every word of a text, or one that begins with it; a
   * relevance is positive, and the higher the better. Undefined for a text without letters and digits, which finds
   * nothing.
   */
  matching(text: string): Query | undefined;
}

const searches: Readonly<Record<Database["dialect"], PackageSearch>> = {
  sqlite: sqlitePackageSearch,
  postgres: postgresPackageSearch,
};

export function packageSearchOf(dialect: Database["dialect"]): PackageSearch {
  return searches[dialect];
}
