import { join } from "node:path";
import type { ErrorTable } from "@cpm/base";

/** One `…Errors` table and the file that exports it, relative to the root. */
export interface NamedErrorTable {
  readonly path: string;
  readonly name: string;
  readonly table: ErrorTable;
}

const places = ["packages/*/src/**/errors.ts", "apps/*/src/**/errors.ts"];

/**
 * Every error table of the workspace, in the order of their files. They are found by name, not listed, so that none
 * can be forgotten; an `errors.ts` without a table throws.
 */
export async function gatherErrorTables(root: string): Promise<readonly NamedErrorTable[]> {
  const paths = places.flatMap((pattern) => [...new Bun.Glob(pattern).scanSync({ cwd: root, followSymlinks: false })]);
  const tables: NamedErrorTable[] = [];
  for (const path of paths.toSorted()) {
    const exported: Readonly<Record<string, unknown>> = await import(join(root, path));
    const found = Object.entries(exported).filter(
      ([name, value]) => name.endsWith("Errors") && typeof value === "object",
    );
    if (found.length === 0) throw new Error(`${path} exports no table whose name ends in Errors`);
    for (const [name, table] of found) tables.push({ path, name, table: asErrorTable(table, `${name} of ${path}`) });
  }
  return tables;
}

/** Codes that more than one table has, as sentences. A code means one thing in the whole project. */
export function duplicateCodes(tables: readonly NamedErrorTable[]): readonly string[] {
  const owners = new Map<string, string>();
  const faults: string[] = [];
  for (const { path, table } of tables) {
    for (const code of Object.keys(table)) {
      const owner = owners.get(code);
      if (owner !== undefined) faults.push(`${code} stands in ${owner} and in ${path}`);
      owners.set(code, path);
    }
  }
  return faults;
}

/** Whatever an import brings is unknown: a table has a kind and a title in every row. */
function asErrorTable(value: unknown, where: string): ErrorTable {
  const rows: readonly unknown[] = typeof value === "object" && value !== null ? Object.values(value) : [];
  const whole = rows.every((row) => {
    const entry = row as Readonly<Record<string, unknown>> | null;
    return typeof entry?.["kind"] === "string" && typeof entry["title"] === "string";
  });
  if (rows.length === 0 || !whole) throw new Error(`${where} is not an error table`);
  return value as ErrorTable;
}
