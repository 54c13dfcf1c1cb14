import { parse } from "@bufbuild/cel";
import type { Expr } from "@bufbuild/cel-spec/cel/expr/syntax_pb.js";
import type { Diagnostic } from "@cpm/base";
import { printable } from "@cpm/base";
import type { SourceFile, SourceRange } from "@cpm/model";
import { locateSource } from "@cpm/model";
import type { TemplateErrorCode } from "../errors.ts";
import { templateFault } from "../errors.ts";
import type { TemplateLimits } from "../limits.ts";
import { countNodes } from "./instrument.ts";
import { hidePackage, restorePackage } from "./reserved-package.ts";
import { vocabularyFaults } from "./vocabulary.ts";

/** A parsed `${ … }` that knows where it stands. */
export interface Expression extends ExpressionPlace {
  readonly source: string;
  /** The same object for every expression of one parser with the same source. */
  readonly ast: Expr;
  /** Nodes of `ast`: what one evaluation costs at least. */
  readonly nodes: number;
  /** Offsets of AST nodes into `source`, by expression id. */
  readonly positions: ReadonlyMap<bigint, number>;
}

export interface ExpressionPlace {
  readonly file: SourceFile;
  /** The whole `${…}` in the file. */
  readonly range: SourceRange;
  /** Where the source begins in the file; undefined when escapes or folding make offsets differ. */
  readonly sourceStart: number | undefined;
}

/** What an expression's source is found to be, wherever it stands. */
interface Reading {
  readonly parsed?: Pick<Expression, "ast" | "nodes" | "positions">;
  readonly faults: readonly ReadingFault[];
}

export interface ReadingFault {
  readonly code: TemplateErrorCode;
  readonly message: string;
  readonly hint?: string | undefined;
  /** Into the source; undefined for the whole of it. */
  readonly offset?: number | undefined;
  readonly width?: number | undefined;
}

/** What it costs to parse one expression, however short, in words. */
const wordsPerExpression = 4;

/** Parses the expressions of one set of templates: each source once, within limits for one and for all together. */
export class ExpressionParser {
  readonly #limits: TemplateLimits;
  readonly #readings = new Map<string, Reading>();
  #length = 0;
  #words = 0;

  constructor(limits: TemplateLimits) {
    this.#limits = limits;
  }

  /** True once the expressions together are more than is allowed; no more are parsed then. */
  get exhausted(): boolean {
    return this.#length > this.#limits.maxExpressionsLength || this.#words > this.#limits.maxExpressionsWords;
  }

  /** Undefined after faults were reported. */
  parse(source: string, place: ExpressionPlace, report: (fault: Diagnostic) => void): Expression | undefined {
    const reading = this.#readings.get(source) ?? this.#read(source);
    this.#readings.set(source, reading);
    for (const { code, message, hint, offset, width } of reading.faults)
      report(templateFault(code, { message, hint, location: locateInSource(place, offset, width) }));
    return reading.parsed === undefined || reading.faults.length > 0
      ? undefined
      : { source, ...reading.parsed, ...place };
  }

  #read(source: string): Reading {
    const { maxExpressionLength, maxExpressionNodes, maxExpressionsLength, maxExpressionsWords } = this.#limits;
    if (source.length > maxExpressionLength)
      return tooMuch(`an expression of ${source.length} characters; ${maxExpressionLength} are allowed`);
    this.#length += source.length;
    this.#words += wordsPerExpression + (source.match(/\w+|[^\w\s]/g)?.length ?? 0);
    if (this.#length > maxExpressionsLength)
      return tooMuch(`expressions of more than ${maxExpressionsLength} characters together`);
    if (this.#words > maxExpressionsWords)
      return tooMuch(`expressions of more than ${maxExpressionsWords} words and signs together`);
    try {
      const { expr: ast, sourceInfo } = parse(hidePackage(source));
      restorePackage(ast);
      const positions = new Map(
        Object.entries(sourceInfo?.positions ?? {}).map(([id, offset]) => [BigInt(id), offset]),
      );
      const nodes = countNodes(ast);
      if (nodes > maxExpressionNodes)
        return tooMuch(`an expression of ${nodes} parts; ${maxExpressionNodes} are allowed`);
      return { parsed: { ast, nodes, positions }, faults: vocabularyFaults(ast, positions) };
    } catch (error) {
      return { faults: [syntaxFault(source, error)] };
    }
  }
}

/** The place of one AST node, or of the whole expression when its offset cannot be known. */
export function locateInExpression(expression: Expression, expr: Expr, width = 1): ReturnType<typeof locateSource> {
  const offset = expression.positions.get(expr.id);
  // A field's node stands at its dot.
  const shift =
    expr.exprKind.case === "selectExpr" && offset !== undefined && expression.source[offset] === "." ? 1 : 0;
  return locateInSource(expression, offset === undefined ? undefined : offset + shift, width);
}

function locateInSource(
  place: ExpressionPlace,
  offset: number | undefined,
  width = 1,
): ReturnType<typeof locateSource> {
  if (offset === undefined || place.sourceStart === undefined) return locateSource(place.file, place.range);
  const start = place.sourceStart + offset;
  return locateSource(place.file, [start, start + width]);
}

function tooMuch(message: string): Reading {
  return { faults: [{ code: "template/budget", message }] };
}

function syntaxFault(source: string, error: unknown): ReadingFault {
  const offset = syntaxOffset(error);
  const near = source.slice(offset ?? 0, (offset ?? 0) + 20).trim();
  const message =
    source.trim() === ""
      ? "an empty expression"
      : `the expression cannot be read${near === "" ? "" : ` at "${printable(near)}"`}`;
  const hint =
    "Expressions are CEL: inputs.name, 'text' + string(inputs.count), condition ? a : b. Write $${ for a literal ${.";
  return { code: "template/syntax", message, offset, hint };
}

/** The parser's error carries its offset; a limit of the language's own (recursion) does not. */
function syntaxOffset(error: unknown): number | undefined {
  if (typeof error !== "object" || error === null || !("location" in error)) return undefined;
  const location: unknown = error.location;
  if (typeof location !== "object" || location === null || !("start" in location)) return undefined;
  const start: unknown = location.start;
  return typeof start === "object" && start !== null && "offset" in start && typeof start.offset === "number"
    ? start.offset
    : undefined;
}
