import type { Expr } from "@bufbuild/cel-spec/cel/expr/syntax_pb.js";
import { nearest } from "@cpm/base";
import type { ReadingFault } from "./expression.ts";
import { childrenOf } from "./instrument.ts";
import { functionNames, isFunction } from "./signatures.ts";

/**
 * What an expression says that templates do not know: functions that are not offered and messages of protobuf. The
 * library knows more (times, durations, messages), which has no place in JSON or would tell the time zone of the
 * machine; so this is refused before anything can be evaluated.
 */
export function vocabularyFaults(expr: Expr, positions: ReadonlyMap<bigint, number>): ReadingFault[] {
  const faults: ReadingFault[] = [];
  const pending: Expr[] = [expr];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const kind = next.exprKind;
    const offset = positions.get(next.id);
    if (kind.case === "callExpr" && !isFunction(kind.value.function)) {
      const name = kind.value.function;
      faults.push({
        code: "template/unknown-function",
        message: `there is no function "${name}"`,
        hint: functionHint(name),
        offset,
      });
    } else if (kind.case === "structExpr" && kind.value.messageName !== "") {
      const message = `there is no message type "${kind.value.messageName}"`;
      faults.push({ code: "template/unknown-function", message, offset });
    }
    pending.push(...childrenOf(next).toReversed());
  }
  return faults;
}

function functionHint(name: string): string {
  const meant = nearest(name, functionNames);
  return meant === undefined ? `There are ${functionNames.join(", ")}.` : `Did you mean "${meant}"?`;
}
