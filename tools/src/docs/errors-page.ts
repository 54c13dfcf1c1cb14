import type { ErrorEntry } from "@cpm/base";
import { exitStatus } from "@cpm/base";
import type { NamedErrorTable } from "./error-tables.ts";
import { duplicateCodes } from "./error-tables.ts";
import { generatedMark, joinSections, markdownTable } from "./markdown.ts";

/** `docs/errors.md`: every code with what it means, by area. Throws when a code stands in two tables. */
export function errorsPage(introduction: string, tables: readonly NamedErrorTable[]): string {
  const duplicates = duplicateCodes(tables);
  if (duplicates.length > 0) throw new Error(duplicates.join("\n"));
  const rows = tables.flatMap(({ table }) => Object.entries(table)).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const areas = Map.groupBy(rows, ([code]) => code.split("/")[0] ?? "");
  return joinSections([
    generatedMark("the `errors.ts` of each package"),
    introduction,
    ...[...areas].map(([area, entries]) => `## ${area}\n\n${areaTable(entries)}`),
  ]);
}

function areaTable(entries: readonly (readonly [code: string, entry: ErrorEntry])[]): string {
  return markdownTable(
    ["code", "kind", "exit", "meaning", "what to try"],
    entries.map(([code, { kind, title, hint }]) => [`\`${code}\``, kind, String(exitStatus(kind)), title, hint ?? ""]),
  );
}
