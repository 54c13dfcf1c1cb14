import type { Diagnostic, JsonValue } from "@cpm/base";
import { formatDiagnostic, isCpmError, stringifyJson, toErrorRecord } from "@cpm/base";
import type { CliContext } from "../context.ts";
import type { Progress } from "./progress.ts";
import { PlainProgress, silentProgress, TerminalProgress } from "./progress.ts";
import type { Style } from "./style.ts";
import { createStyle, usesColour } from "./style.ts";
import type { Column } from "./table.ts";
import { formatTable } from "./table.ts";

/** The one place that prints. Data goes to stdout, everything else to stderr. */
export interface Output {
  readonly json: boolean;
  readonly style: Style;
  readonly progress: Progress;
  /** A command's result: the document for programs, the text for people. */
  data(document: JsonValue, text: () => string): void;
  /** Text on stdout that is the result itself, such as a completion script. Ignores `--json`. */
  raw(text: string): void;
  /** One line of a stream: a JSON document per line, or text. */
  streamed(document: JsonValue, text: () => string): void;
  table(columns: readonly Column[], rows: readonly (readonly string[])[]): string;
  /** Something worth knowing that is not the result. */
  note(text: string): void;
  /** Findings about files, warnings first shown as they are. */
  diagnostics(findings: readonly Diagnostic[]): void;
  error(error: unknown): void;
}

export function createOutput(context: CliContext, flags: { readonly json: boolean; readonly quiet: boolean }): Output {
  const { stdout, stderr } = context;
  const style = createStyle(usesColour(stderr.isTerminal, context.env));
  const progress = createProgress(context, flags, style);
  return {
    json: flags.json,
    style,
    progress,
    data(document, text) {
      progress.stop();
      if (flags.json) stdout.write(`${stringifyJson(document, 2)}\n`);
      else writeText(stdout, text());
    },
    raw(text) {
      progress.stop();
      stdout.write(text);
    },
    streamed(document, text) {
      if (flags.json) stdout.write(`${stringifyJson(document)}\n`);
      else writeText(stdout, text());
    },
    table: (columns, rows) => formatTable(columns, rows, stdout.isTerminal ? stdout.columns : undefined),
    note(text) {
      if (!flags.quiet && !flags.json) progress.line(text);
    },
    diagnostics(findings) {
      for (const finding of findings) progress.line(colourDiagnostic(finding, style));
    },
    error(error) {
      progress.stop();
      stderr.write(flags.json ? `${stringifyJson({ error: errorDocument(error) })}\n` : formatError(error, style));
    },
  };
}

function createProgress(
  context: CliContext,
  flags: { readonly json: boolean; readonly quiet: boolean },
  style: Style,
): Progress {
  if (flags.quiet || flags.json) return silentProgress;
  return context.stderr.isTerminal
    ? new TerminalProgress(context.stderr, style, context.clock)
    : new PlainProgress(context.stderr);
}

/** An error as people read it: what, where, what to try. */
export function formatError(error: unknown, style: Style): string {
  const record = toErrorRecord(error);
  const lines = [`${style.red("error:")} ${record.message} ${style.dim(`[${record.code}]`)}`];
  const findings = record.diagnostics ?? [];
  if (findings.length > 0) {
    lines[0] = `${style.red("error:")} ${findings.length === 1 ? "1 fault" : `${findings.length} faults`} ${style.dim(`[${record.code}]`)}`;
    lines.push(...findings.map((finding) => colourDiagnostic(finding, style)));
  }
  if (record.hint !== undefined) lines.push(`${style.cyan("hint:")} ${record.hint}`);
  if (record.kind === "internal" && !isCpmError(error) && error instanceof Error && error.stack !== undefined) {
    lines.push(style.dim(error.stack.split("\n").slice(1, 6).join("\n")));
  }
  return `${lines.join("\n")}\n`;
}

/** The fields of an error as JSON; what has no JSON form is written as text. */
function errorDocument(error: unknown): JsonValue {
  const plain: unknown = JSON.parse(
    JSON.stringify(toErrorRecord(error), (_, value: unknown) => (typeof value === "bigint" ? value.toString() : value)),
  );
  return plain as JsonValue;
}

function colourDiagnostic(finding: Diagnostic, style: Style): string {
  const mark = finding.severity === "error" ? style.red : style.yellow;
  return formatDiagnostic(finding).replace(`${finding.severity}:`, () => mark(`${finding.severity}:`));
}

function writeText(sink: { write(text: string): void }, text: string): void {
  if (text !== "") sink.write(text.endsWith("\n") ? text : `${text}\n`);
}
