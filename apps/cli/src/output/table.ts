/** A column that may shrink to fit a terminal says so by `flexible`. */
export interface Column {
  readonly title: string;
  readonly flexible?: boolean;
}

/**
 * Rows under their titles, columns two spaces apart. Where a width is given and the rows are wider, the flexible
 * columns are cut with an ellipsis; the others never are.
 */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[], width?: number): string {
  const natural = columns.map((column, index) =>
    Math.max(...[column.title, ...rows.map((row) => row[index] ?? "")].map(displayWidth)),
  );
  const widths = width === undefined ? natural : shrink(columns, natural, width);
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => pad(cut(cell, widths[index] ?? 0), index === cells.length - 1 ? 0 : (widths[index] ?? 0)))
      .join("  ")
      .trimEnd();
  return [
    line(columns.map((column) => column.title)),
    ...rows.map((row) => line(columns.map((_, index) => row[index] ?? ""))),
  ].join("\n");
}

function shrink(columns: readonly Column[], natural: readonly number[], width: number): number[] {
  const total = natural.reduce((sum, size) => sum + size, 0) + 2 * (columns.length - 1);
  let excess = total - width;
  return natural.map((size, index) => {
    if (excess <= 0 || columns[index]?.flexible !== true) return size;
    const kept = Math.max(12, size - excess);
    excess -= size - kept;
    return kept;
  });
}

function cut(text: string, width: number): string {
  return displayWidth(text) > width ? `${[...text].slice(0, width - 1).join("")}…` : text;
}

function pad(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - displayWidth(text)));
}

function displayWidth(text: string): number {
  return Bun.stringWidth(text);
}
