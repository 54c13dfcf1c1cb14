import type { Expr } from "@bufbuild/cel-spec/cel/expr/syntax_pb.js";
import { ConstantSchema, ExprSchema, Expr_CallSchema } from "@bufbuild/cel-spec/cel/expr/syntax_pb.js";
import { create } from "@bufbuild/protobuf";

/** Calls whose arguments are evaluated lazily or in constant time; they are not metered. */
const unmetered = new Set(["_&&_", "_||_", "_?_:_", "_[_]", "@not_strictly_false", "__not_strictly_false__"]);

/** Pays for the size of a value and gives it back, or fails. */
export const chargeFunction = "@charge";

/** Pays for the turns of a loop over a value, each at the cost given, and gives the value back, or fails. */
export const rangeFunction = "@range";

/** Adds one element to the list that a loop builds, in constant time. */
export const appendFunction = "@append";

/** What the parser calls the value that a loop builds. */
const accumulator = "@result";

/**
 * Rewrites a parsed expression so that evaluating it pays as it goes: every argument of a function passes through
 * `@charge`, which counts its size, and every range of a loop through `@range`, which counts its elements times the
 * nodes of the body. The library cannot be interrupted, so work is paid for before it is done: once the budget is
 * spent each inner loop fails at its range, and an outer loop has already paid for its own turns. The results are
 * those of the expression as it was written.
 */
export function instrument(expr: Expr): Expr {
  const kind = expr.exprKind;
  switch (kind.case) {
    case "callExpr": {
      const { function: name, target, args } = kind.value;
      const item = appendedItem(expr);
      const list = args[0];
      if (item !== undefined && list !== undefined) return call(appendFunction, [list, instrument(item)], expr.id);
      const meter = unmetered.has(name)
        ? instrument
        : (inner: Expr): Expr => call(chargeFunction, [instrument(inner)], inner.id);
      const metered = target === undefined ? {} : { target: meter(target) };
      return rebuilt(expr, { case: "callExpr", value: { ...kind.value, ...metered, args: args.map(meter) } });
    }
    case "selectExpr":
      return rebuilt(expr, {
        case: "selectExpr",
        value: { ...kind.value, ...mapDefined(kind.value.operand, "operand") },
      });
    case "listExpr":
      return rebuilt(expr, {
        case: "listExpr",
        value: { ...kind.value, elements: kind.value.elements.map(instrument) },
      });
    case "structExpr": {
      const entries = kind.value.entries.map((entry) => ({
        ...entry,
        keyKind:
          entry.keyKind.case === "mapKey"
            ? { case: entry.keyKind.case, value: instrument(entry.keyKind.value) }
            : entry.keyKind,
        ...mapDefined(entry.value, "value"),
      }));
      return rebuilt(expr, { case: "structExpr", value: { ...kind.value, entries } });
    }
    case "comprehensionExpr": {
      const loop = kind.value;
      const turnCost = BigInt(countNodes(loop.loopStep) + countNodes(loop.loopCondition));
      const iterRange = loop.iterRange && call(rangeFunction, [instrument(loop.iterRange), integer(turnCost)], expr.id);
      return rebuilt(expr, {
        case: "comprehensionExpr",
        value: {
          ...loop,
          ...(iterRange === undefined ? {} : { iterRange }),
          ...mapDefined(loop.accuInit, "accuInit"),
          ...mapDefined(loop.loopCondition, "loopCondition"),
          ...mapDefined(loop.loopStep, "loopStep"),
          ...mapDefined(loop.result, "result"),
        },
      });
    }
    default:
      return expr;
  }
}

/** The `x` of `@result + [x]`, by which a loop builds a list. */
function appendedItem(expr: Expr): Expr | undefined {
  if (expr.exprKind.case !== "callExpr" || expr.exprKind.value.function !== "_+_") return undefined;
  const [list, added] = expr.exprKind.value.args;
  if (list?.exprKind.case !== "identExpr" || list.exprKind.value.name !== accumulator) return undefined;
  return added?.exprKind.case === "listExpr" ? added.exprKind.value.elements[0] : undefined;
}

/** How many nodes an expression has, macros expanded. */
export function countNodes(expr: Expr | undefined): number {
  if (expr === undefined) return 0;
  let count = 0;
  const pending: Expr[] = [expr];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    count++;
    pending.push(...childrenOf(next));
  }
  return count;
}

/** The direct parts of an expression, in source order where there is one. */
export function childrenOf(expr: Expr): Expr[] {
  const kind = expr.exprKind;
  switch (kind.case) {
    case "callExpr":
      return [...defined(kind.value.target), ...kind.value.args];
    case "selectExpr":
      return defined(kind.value.operand);
    case "listExpr":
      return [...kind.value.elements];
    case "structExpr":
      return kind.value.entries.flatMap((entry) => [
        ...(entry.keyKind.case === "mapKey" ? [entry.keyKind.value] : []),
        ...defined(entry.value),
      ]);
    case "comprehensionExpr": {
      const { iterRange, accuInit, loopCondition, loopStep, result } = kind.value;
      return [iterRange, accuInit, loopCondition, loopStep, result].flatMap(defined);
    }
    default:
      return [];
  }
}

function call(name: string, args: Expr[], id: bigint): Expr {
  const exprKind = { case: "callExpr" as const, value: create(Expr_CallSchema, { function: name, args }) };
  return create(ExprSchema, { id, exprKind });
}

function integer(value: bigint): Expr {
  const constant = create(ConstantSchema, { constantKind: { case: "int64Value", value } });
  return create(ExprSchema, { exprKind: { case: "constExpr", value: constant } });
}

function rebuilt(expr: Expr, exprKind: Expr["exprKind"]): Expr {
  return { ...expr, exprKind };
}

function mapDefined<K extends string>(expr: Expr | undefined, key: K): { [P in K]?: Expr } {
  return (expr === undefined ? {} : { [key]: instrument(expr) }) as { [P in K]?: Expr };
}

function defined(expr: Expr | undefined): Expr[] {
  return expr === undefined ? [] : [expr];
}
