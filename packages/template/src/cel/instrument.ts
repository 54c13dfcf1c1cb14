import type { Expr } from "@bufbuild/cel-spec/cel/expr/syntax_pb.js";
import { ConstantSchema, ExprSchema, Expr_CallSchema } from "@bufbuild/cel-spec/cel/expr/syntax_pb.js";
import { create } from "@bufbuild/protobuf";

/** Calls whose arguments are evaluated lazily or in constant time; they are not metered. */
const unmetered = new Set(["_&&_", "_||_", "_?_:_", "_[_]", "@not_strictly_false", "__not_strictly_false__"]);

/** The function that the evaluator calls with a value and the cost of one element of it; it returns the value or fails. */
export const chargeFunction = "@charge";

/**
 * Rewrites a parsed expression so that evaluating it pays as it goes: every argument of a function and every
 * range of a comprehension passes through `@charge`, which counts its size, times the cost of the body for a
 * range. The library cannot be interrupted, so work is paid for before it is done: once the budget is spent
 * each inner loop fails at its range, and an outer loop has already paid for its own turns.
 */
export function instrument(expr: Expr): Expr {
  const kind = expr.exprKind;
  switch (kind.case) {
    case "callExpr": {
      const meter = unmetered.has(kind.value.function)
        ? instrument
        : (inner: Expr): Expr => charge(instrument(inner), 1);
      const target = kind.value.target === undefined ? undefined : meter(kind.value.target);
      return rebuilt(expr, {
        case: "callExpr",
        value: { ...kind.value, ...(target === undefined ? {} : { target }), args: kind.value.args.map(meter) },
      });
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
      const bodyNodes = countNodes(loop.loopStep) + countNodes(loop.loopCondition);
      return rebuilt(expr, {
        case: "comprehensionExpr",
        value: {
          ...loop,
          ...(loop.iterRange === undefined ? {} : { iterRange: charge(instrument(loop.iterRange), bodyNodes) }),
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

function charge(expr: Expr, perElement: number): Expr {
  const cost = create(ExprSchema, {
    exprKind: {
      case: "constExpr",
      value: create(ConstantSchema, { constantKind: { case: "int64Value", value: BigInt(perElement) } }),
    },
  });
  return create(ExprSchema, {
    id: expr.id,
    exprKind: { case: "callExpr", value: create(Expr_CallSchema, { function: chargeFunction, args: [expr, cost] }) },
  });
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
