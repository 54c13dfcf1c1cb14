import type { Diagnostic, JsonValue } from "@cpm/base";
import { formatDiagnostic, isCpmError, stringifyJson, toErrorRecord } from "@cpm/base";
import type { CliContext, TextSink } from "../context.ts";
import type { Progress } from "./progress.ts";
import { PlainProgress, silentProgress, TerminalProgress } from "./progress.ts";
import type { Style } from "./style.ts";
import { createStyle, usesColour } from "./style.ts";
import type { Column } from "./table.ts";
import { formatTable } from "./table.ts";
import { harmless, wrapText } from "./terminal-text.ts";

/** The one place that prints. Data goes to stdout, everything else to stderr. */
export interface Output {
  readonly json: boolean;
  /** For the texts of `data`: stdout may be a pipe while stderr is a terminal. */
  readonly style: Style;
  readonly progress: Progress;
  /** A command's result: the document for programs, the text for people. */
  data(document: JsonValue, text: () => string): void;
  /** Text on stdout that is the result itself, such as help or a completion script. Ignores `--json`. */
  raw(text: string): void;
  /** One line of a stream: a JSON document per line, or text. */
  streamed(document: JsonValue, text: () => string): void;
  /** Broken at spaces for a terminal, further lines behind `indent`; as it is elsewhere. */
  wrap(text: string, indent: string): string;
  table(columns: readonly Column[], rows: readonly (readonly string[])[]): string;
  /** A time of RFC 3339 as people read it: to the second. */
  time(text: string): string;
  /** Findings as text for `data`. */
  formatFindings(findings: readonly Diagnostic[]): string;
  /** Something worth knowing that is not the result. */
  note(text: string): void;
  /** Warnings beside the result. */
  diagnostics(findings: readonly Diagnostic[]): void;
  error(error: unknown): void;
}

export interface OutputFlags {
  readonly json: boolean;
  readonly quiet: boolean;
}

export function createOutput(context: CliContext, flags: OutputFlags): Output {
  const { stdout, stderr } = context;
  const style = createStyle(usesColour(stdout.isTerminal, context.env));
  const errorStyle = createStyle(usesColour(stderr.isTerminal, context.env));
  const progress = createProgress(context, flags, errorStyle);
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
    wrap: (text, indent) => wrapFor(stdout, text, indent),
    table: (columns, rows) => formatTable(columns, rows, stdout.isTerminal ? stdout.columns : undefined),
    time: (text) => text.replace(/\.\d+(?=Z|[+-])/, ""),
    formatFindings: (findings) =>
      inOrder(findings)
        .map((finding) => formatFinding(finding, style))
        .join("\n"),
    note(text) {
      progress.line(text);
    },
    diagnostics(findings) {
      for (const finding of findings) progress.line(formatFinding(finding, errorStyle));
    },
    error(error) {
      progress.stop();
      if (flags.json) stderr.write(`${stringifyJson({ error: errorDocument(error) })}\n`);
      else
        writeText(
          stderr,
          formatError(error, errorStyle, (text, indent) => wrapFor(stderr, text, indent)),
        );
    },
  };
}

function createProgress(context: CliContext, flags: OutputFlags, style: Style): Progress {
  if (flags.quiet || flags.json) return silentProgress;
  return context.stderr.isTerminal
    ? new TerminalProgress(context.stderr, style, context.clock)
    : new PlainProgress(context.stderr);
}

function wrapFor(sink: TextSink, text: string, indent: string): string {
  if (!sink.isTerminal) return text;
  return wrapText(text, Math.max(20, sink.columns - 1 - indent.length)).join(`\n${indent}`);
}

/** An error as people read it: what, where, what to try. */
function formatError(error: unknown, style: Style, wrap: Output["wrap"]): string {
  const record = toErrorRecord(error);
  const findings = record.diagnostics ?? [];
  const what = findings.length === 0 ? record.message : countFaults(findings);
  const lines = [
    wrap(`${style.red("error:")} ${what} ${style.dim(`[${record.code}]`)}`, "       "),
    ...inOrder(findings).map((finding) => formatFinding(finding, style)),
  ];
  // A single finding has its hint below it already.
  if (record.hint !== undefined && !findings.some((finding) => finding.hint === record.hint))
    lines.push(wrap(`${style.cyan("hint:")} ${record.hint}`, "      "));
  if (record.kind === "internal" && !isCpmError(error) && error instanceof Error && error.stack !== undefined) {
    lines.push(style.dim(error.stack.split("\n").slice(1, 6).join("\n")));
  }
  return `${lines.join("\n")}\n`;
}

function countFaults(findings: readonly Diagnostic[]): string {
  return findings.length === 1 ? "1 fault" : `${findings.length} faults`;
}

/** The fields of an error as JSON; what has no JSON form is written as text. */
function errorDocument(error: unknown): JsonValue {
  const plain: unknown = JSON.parse(
    JSON.stringify(toErrorRecord(error), (_, value: unknown) => (typeof value === "bigint" ? value.toString() : value)),
  );
  return plain as JsonValue;
}

/** As somebody reads the files who mends them. */
function inOrder(findings: readonly Diagnostic[]): readonly Diagnostic[] {
  const place = ({ location }: Diagnostic) => [location?.line ?? 0, location?.column ?? 0] as const;
  return findings.toSorted((left, right) => {
    const file = (left.location?.file ?? "").localeCompare(right.location?.file ?? "", "en");
    const [leftLine, leftColumn] = place(left);
    const [rightLine, rightColumn] = place(right);
    return file || leftLine - rightLine || leftColumn - rightColumn;
  });
}

function formatFinding(finding: Diagnostic, style: Style): string {
  const mark = finding.severity === "error" ? style.red : style.yellow;
  return formatDiagnostic(finding).replace(`${finding.severity}:`, () => mark(`${finding.severity}:`));
}

function writeText(sink: TextSink, text: string): void {
  if (text === "") return;
  const whole = text.endsWith("\n") ? text : `${text}\n`;
  sink.write(sink.isTerminal ? harmless(whole) : whole);
}
