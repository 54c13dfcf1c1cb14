import type { Visibility } from "../access/rights.ts";
import type { Database, Reader, Transaction } from "../database/database.ts";
import { postgresPackageSearch } from "./postgres-package-search.ts";
import { sqlitePackageSearch } from "./sqlite-package-search.ts";

/** The words that a package is found by. */
export interface PackageWords {
  readonly name: string;
  readonly description: string;
  readonly keywords: string;
  readonly readme: string;
}

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

/** Full text search, which every database does in a way of its own. */
export interface PackageSearch {
  /** Replaces the words of a package. */
  index(transaction: Transaction, packageId: number, words: PackageWords): Promise<void>;

  /**
   * Packages that may be shown and have every word, or one that begins with it: the exact name first, then by
   * relevance, then by name. A text without letters and digits finds nothing.
   */
  find(
    reader: Reader,
    text: string,
    visible: Visibility,
    limit: number,
    offset: number,
  ): Promise<{ readonly total: number; readonly rows: readonly PackageTableRow[] }>;
}

const searches: Readonly<Record<Database["dialect"], PackageSearch>> = {
  sqlite: sqlitePackageSearch,
  postgres: postgresPackageSearch,
};

export function packageSearchOf(dialect: Database["dialect"]): PackageSearch {
  return searches[dialect];
}
