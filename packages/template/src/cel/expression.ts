import { parse } from "@bufbuild/cel";
import type { Expr } from "@bufbuild/cel-spec/cel/expr/syntax_pb.js";
import type { Diagnostic } from "@cpm/base";
import { printable } from "@cpm/base";
import type { SourceFile, SourceRange } from "@cpm/model";
import { locateSource } from "@cpm/model";
import { templateFault } from "../errors.ts";
import type { TemplateLimits } from "../limits.ts";
import { countNodes } from "./instrument.ts";
import { hidePackage, restorePackage } from "./reserved-package.ts";

/** A parsed `${ … }` that knows where it stands. */
export interface Expression {
  readonly source: string;
  readonly ast: Expr;
  /** Offsets of AST nodes into `source`, by expression id. */
  readonly positions: ReadonlyMap<bigint, number>;
  readonly file: SourceFile;
  /** The whole `${…}` in the file. */
  readonly range: SourceRange;
  /** Where `source` begins in the file; undefined when escapes or folding make offsets differ. */
  readonly sourceStart: number | undefined;
}

export interface ExpressionPlace {
  readonly file: SourceFile;
  readonly range: SourceRange;
  readonly sourceStart: number | undefined;
}

/** Parses one CEL expression; undefined after a fault was reported. */
export function parseExpression(
  source: string,
  place: ExpressionPlace,
  limits: TemplateLimits,
  report: (fault: Diagnostic) => void,
): Expression | undefined {
  if (source.length > limits.maxExpressionLength) {
    report(
      templateFault("template/budget", {
        message: `an expression of ${source.length} characters; ${limits.maxExpressionLength} are allowed`,
        location: locateSource(place.file, place.range),
      }),
    );
    return undefined;
  }
  try {
    const parsed = parse(hidePackage(source));
    if (parsed.expr !== undefined) restorePackage(parsed.expr);
    const positions = new Map(
      Object.entries(parsed.sourceInfo?.positions ?? {}).map(([id, offset]) => [BigInt(id), offset]),
    );
    const nodes = countNodes(parsed.expr);
    if (nodes <= limits.maxExpressionNodes) return { source, ast: parsed.expr, positions, ...place };
    report(
      templateFault("template/budget", {
        message: `an expression of ${nodes} parts; ${limits.maxExpressionNodes} are allowed`,
        location: locateSource(place.file, place.range),
      }),
    );
  } catch (error) {
    report(syntaxFault(source, place, error));
  }
  return undefined;
}

/** The place of one AST node, or of the whole expression when its offset cannot be known. */
export function locateInExpression(expression: Expression, id: bigint, width = 1): ReturnType<typeof locateSource> {
  const offset = expression.positions.get(id);
  if (offset === undefined || expression.sourceStart === undefined)
    return locateSource(expression.file, expression.range);
  const start = expression.sourceStart + offset;
  return locateSource(expression.file, [start, start + width]);
}

function syntaxFault(source: string, place: ExpressionPlace, error: unknown): Diagnostic {
  const offset = syntaxOffset(error);
  const known = offset !== undefined && place.sourceStart !== undefined;
  const range: SourceRange = known ? [place.sourceStart + offset, place.sourceStart + offset + 1] : place.range;
  const near = source.slice(offset ?? 0, (offset ?? 0) + 20).trim();
  const message =
    source.trim() === ""
      ? "an empty expression"
      : `the expression cannot be read${near === "" ? "" : ` at "${printable(near)}"`}`;
  return templateFault("template/syntax", {
    message,
    location: locateSource(place.file, range),
    hint: "Expressions are CEL: inputs.name, 'text' + string(inputs.count), condition ? a : b. Write $${ for a literal ${.",
  });
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
