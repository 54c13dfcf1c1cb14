/** A table in Markdown; every cell is prepared by `cellText`. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => "---"), ...rows.map((row) => row.map(cellText))];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** Text for a cell: bars never end it, and angle brackets outside code spans are not taken for HTML. */
export function cellText(text: string): string {
  const parts = text.replaceAll("\n", " ").replaceAll("|", "\\|").split("`");
  // An odd number of marks is no code span at its end.
  const spans = parts.length % 2 === 1;
  return parts.map((part, index) => (spans && index % 2 === 1 ? part : part.replaceAll("<", "&lt;"))).join("`");
}

/** The first line of every generated page. */
export function generatedMark(source: string): string {
  return `<!-- Written by \`bun run docs\` from ${source}. Change it there. -->`;
}

export function joinSections(sections: readonly string[]): string {
  return `${sections.map((section) => section.trim()).join("\n\n")}\n`;
}
