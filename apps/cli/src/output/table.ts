import { cutText, displayWidth } from "./terminal-text.ts";

/** A column that may shrink to fit a terminal says so by `flexible`. */
export interface Column {
  readonly title: string;
  readonly flexible?: boolean;
}

const leastFlexibleColumns = 12;

/**
 * Rows under their titles, columns two spaces apart. Where a width is given and the rows are wider, the flexible
 * columns are cut with an ellipsis; the others never are. A cell is one line.
 */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[], width?: number): string {
  const cells = rows.map((row) => columns.map((_, index) => (row[index] ?? "").replace(/\s*[\r\n\t]\s*/g, " ")));
  const natural = columns.map((column, index) =>
    Math.max(...[column.title, ...cells.map((row) => row[index] ?? "")].map(displayWidth)),
  );
  const widths = width === undefined ? natural : shrink(columns, natural, width);
  const line = (row: readonly string[]): string =>
    row
      .map((cell, index) => pad(cutText(cell, widths[index] ?? 0), widths[index] ?? 0))
      .join("  ")
      .trimEnd();
  return [line(columns.map((column) => column.title)), ...cells.map(line)].join("\n");
}

function shrink(columns: readonly Column[], natural: readonly number[], width: number): number[] {
  const total = natural.reduce((sum, size) => sum + size, 0) + 2 * (columns.length - 1);
  let excess = total - width;
  return natural.map((size, index) => {
    if (excess <= 0 || columns[index]?.flexible !== true) return size;
    const kept = Math.max(Math.min(size, leastFlexibleColumns), size - excess);
    excess -= size - kept;
    return kept;
  });
}

function pad(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - displayWidth(text)));
}
