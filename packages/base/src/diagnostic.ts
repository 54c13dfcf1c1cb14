/** Where in a text. Lines and columns count from 1; a column counts UTF-16 code units. */
export interface SourceLocation {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Width of the marked part in columns, at least 1. */
  readonly width: number;
  /** The whole line of text, for the caret. */
  readonly lineText: string;
}

/** One finding about a file that a person wrote. */
export interface Diagnostic {
  readonly code: string;
  readonly severity: "error" | "warning";
  readonly message: string;
  readonly hint?: string | undefined;
  readonly location?: SourceLocation | undefined;
}

/** Makes a location from an offset into a text (UTF-16 code units). */
export function locate(file: string, text: string, offset: number, width = 1): SourceLocation {
  const start = offset === 0 ? 0 : text.lastIndexOf("\n", offset - 1) + 1;
  const newline = text.indexOf("\n", offset);
  const end = newline === -1 ? text.length : newline;
  const line = countNewlines(text, start) + 1;
  const available = Math.max(1, end - offset);
  return {
    file,
    line,
    column: offset - start + 1,
    width: Math.max(1, Math.min(width, available)),
    lineText: text.slice(start, end).replace(/\r$/, ""),
  };
}

/**
 * A finding as people read it:
 *
 *     colony.yaml:3:1: error: unknown key "verison" [manifest/unknown-key]
 *       3 | verison: 1.2.0
 *         | ^^^^^^^
 *       hint: did you mean "version"?
 */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  const { location, severity, message, code, hint } = diagnostic;
  const head = location === undefined ? "" : `${location.file}:${location.line}:${location.column}: `;
  const lines = [`${head}${severity}: ${message} [${code}]`];
  if (location !== undefined) {
    const number = String(location.line);
    const gutter = " ".repeat(number.length);
    const lead = location.lineText.slice(0, location.column - 1).replace(/[^\t]/g, " ");
    lines.push(`  ${number} | ${location.lineText}`, `  ${gutter} | ${lead}${"^".repeat(location.width)}`);
  }
  if (hint !== undefined) lines.push(`  hint: ${hint}`);
  return lines.join("\n");
}

function countNewlines(text: string, end: number): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at !== -1 && at < end; at = text.indexOf("\n", at + 1)) count++;
  return count;
}
