import type { Expr } from "@bufbuild/cel-spec/cel/expr/syntax_pb.js";
import type { Expression } from "./cel/expression.ts";

/** The input that an expression names when it is exactly `inputs.name` or `inputs["name"]`; else undefined. */
export function secretInput(expression: Expression): string | undefined {
  const kind = expression.ast.exprKind;
  if (kind.case === "selectExpr" && !kind.value.testOnly && isInputs(kind.value.operand)) return kind.value.field;
  if (kind.case !== "callExpr" || kind.value.function !== "_[_]") return undefined;
  const [operand, index] = kind.value.args;
  const constant = index?.exprKind.case === "constExpr" ? index.exprKind.value.constantKind : undefined;
  return isInputs(operand) && constant?.case === "stringValue" ? constant.value : undefined;
}

function isInputs(expr: Expr | undefined): boolean {
  return expr?.exprKind.case === "identExpr" && expr.exprKind.value.name === "inputs";
}
