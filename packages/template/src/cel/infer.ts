import type {
  Expr,
  Expr_Call,
  Expr_Comprehension,
  Expr_CreateStruct,
  Expr_Select,
} from "@bufbuild/cel-spec/cel/expr/syntax_pb.js";
import type { Diagnostic } from "@cpm/base";
import { nearest } from "@cpm/base";
import type { TemplateErrorCode } from "../errors.ts";
import { templateFault } from "../errors.ts";
import type { Expression } from "./expression.ts";
import { locateInExpression } from "./expression.ts";
import { operatorKinds, resultType } from "./signatures.ts";
import type { StaticType } from "./static-type.ts";
import { formatType, joinTypes, listOf, mapOf, types } from "./static-type.ts";

/** The names that an expression may use, with what is known of them. */
export type StaticScope = ReadonlyMap<string, StaticType>;

export interface Inference {
  readonly type: StaticType;
  /** `record.field` paths that the expression reads, such as `inputs.shards`. */
  readonly used: ReadonlySet<string>;
}

/**
 * Walks an expression without evaluating it: reports names and fields that do not exist, operators that cannot
 * work and secrets that are handled, and gives the type of the result as far as it can be known.
 */
export function inferType(expression: Expression, scope: StaticScope, report: (fault: Diagnostic) => void): Inference {
  const walker = new Walker(expression, report);
  return { type: walker.infer(expression.ast, scope), used: walker.used };
}

class Walker {
  readonly used = new Set<string>();
  readonly #expression: Expression;
  readonly #report: (fault: Diagnostic) => void;

  constructor(expression: Expression, report: (fault: Diagnostic) => void) {
    this.#expression = expression;
    this.#report = report;
  }

  infer(expr: Expr, scope: StaticScope): StaticType {
    const kind = expr.exprKind;
    switch (kind.case) {
      case "constExpr":
        return constantTypes[kind.value.constantKind.case ?? ""] ?? types.opaque;
      case "identExpr":
        return this.#identifier(expr, kind.value.name, scope);
      case "selectExpr":
        return this.#select(expr, kind.value, scope);
      case "callExpr":
        return this.#call(expr, kind.value, scope);
      case "listExpr":
        return listOf(this.#join(kind.value.elements, scope));
      case "structExpr":
        return this.#map(kind.value, scope);
      case "comprehensionExpr":
        return this.#comprehension(kind.value, scope);
      default:
        return types.dyn;
    }
  }

  #identifier(expr: Expr, name: string, scope: StaticScope): StaticType {
    const type = scope.get(name) ?? (typeNames.has(name) ? types.opaque : undefined);
    if (type?.kind === "record") this.#useAll(type);
    if (type !== undefined) return type;
    const roots = [...scope.keys()].filter((root) => !root.startsWith("@"));
    const meant = nearest(name, roots);
    const shell = /^[A-Z_][A-Z0-9_]*$/.test(name) ? ` Write $\${${name}} for a variable of the shell.` : "";
    const hint = meant === undefined ? `In scope are ${roots.join(", ")}.${shell}` : `Did you mean "${meant}"?${shell}`;
    this.#fault("template/unknown-root", expr, `"${name}" is not in scope`, hint, name.length);
    return types.dyn;
  }

  #select(expr: Expr, select: Expr_Select, scope: StaticScope): StaticType {
    if (select.operand === undefined) return types.dyn;
    const operand = this.#operand(select.operand, scope);
    const field = this.#field(expr, operand, select.field);
    return select.testOnly ? types.bool : field;
  }

  #field(expr: Expr, operand: StaticType, name: string): StaticType {
    if (operand.kind === "map") return operand.value;
    if (operand.kind === "record") {
      this.used.add(`${operand.label}.${name}`);
      const type = operand.fields.get(name);
      if (type !== undefined) return type;
      const meant = nearest(name, operand.fields.keys());
      const known = [...operand.fields.keys()].join(", ");
      const hint =
        meant === undefined
          ? known === ""
            ? `${operand.label} has no fields here.`
            : `${operand.label} has ${known}.`
          : `Did you mean "${meant}"?`;
      this.#fault("template/unknown-field", expr, `${operand.label} has no field "${name}"`, hint, name.length);
    } else if (operand.kind !== "dyn") {
      this.#fault("template/unknown-field", expr, `a ${formatType(operand)} has no field "${name}"`);
    }
    return types.dyn;
  }

  #call(expr: Expr, call: Expr_Call, scope: StaticScope): StaticType {
    if (call.function === "_[_]") return this.#index(expr, call, scope);
    const receiver = call.target === undefined ? undefined : this.#value(call.target, scope);
    const args = call.args.map((arg) => this.#value(arg, scope));
    this.#checkOperator(expr, call.function, args);
    return resultType(call.function, args, receiver);
  }

  #checkOperator(expr: Expr, name: string, args: readonly StaticType[]): void {
    const operator = Object.hasOwn(operatorKinds, name) ? operatorKinds[name] : undefined;
    const [left, right] = args;
    if (
      operator === undefined ||
      left === undefined ||
      right === undefined ||
      left.kind === "dyn" ||
      right.kind === "dyn"
    )
      return;
    if (left.kind === right.kind && operator.kinds.includes(left.kind)) return;
    if (left.kind === "opaque" || right.kind === "opaque") return;
    const textual = left.kind === "string" || right.kind === "string";
    const hint = textual
      ? "Convert the other side with string(…)."
      : "Both sides must be of one kind: convert one with int(…), double(…) or string(…).";
    this.#fault(
      "template/wrong-type",
      expr,
      `${formatType(left)} ${operator.symbol} ${formatType(right)} does not exist`,
      hint,
    );
  }

  #index(expr: Expr, call: Expr_Call, scope: StaticScope): StaticType {
    const [operand, index] = call.args;
    if (operand === undefined || index === undefined) return types.dyn;
    const type = this.#operand(operand, scope);
    const literal = index.exprKind.case === "constExpr" ? index.exprKind.value.constantKind : undefined;
    if (type.kind === "record" && literal?.case === "stringValue") return this.#field(expr, type, literal.value);
    this.#value(index, scope);
    if (type.kind === "record") this.#useAll(type);
    if (type.kind === "list") return type.element;
    return type.kind === "map" ? type.value : types.dyn;
  }

  #comprehension(loop: Expr_Comprehension, scope: StaticScope): StaticType {
    const { iterRange, accuInit, loopCondition, loopStep, result } = loop;
    if (iterRange === undefined || accuInit === undefined || loopStep === undefined || result === undefined)
      return types.dyn;
    const range = this.#value(iterRange, scope);
    const item =
      range.kind === "list"
        ? range.element
        : range.kind === "map" || range.kind === "record"
          ? types.string
          : types.dyn;
    const inner = new Map(scope).set(loop.iterVar, item).set(loop.accuVar, this.infer(accuInit, scope));
    if (loopCondition !== undefined) this.infer(loopCondition, inner);
    const step = this.infer(loopStep, inner);
    return this.infer(result, inner.set(loop.accuVar, step));
  }

  #map(map: Expr_CreateStruct, scope: StaticScope): StaticType {
    for (const { keyKind } of map.entries) if (keyKind.case === "mapKey") this.#value(keyKind.value, scope);
    const values = map.entries.flatMap((entry) => (entry.value === undefined ? [] : [entry.value]));
    return mapOf(this.#join(values, scope));
  }

  /** The type of what stands before a dot or a bracket: a record there is not used as a whole. */
  #operand(expr: Expr, scope: StaticScope): StaticType {
    const known = expr.exprKind.case === "identExpr" ? scope.get(expr.exprKind.value.name) : undefined;
    return known?.kind === "record" ? known : this.#value(expr, scope);
  }

  #useAll(record: Extract<StaticType, { kind: "record" }>): void {
    for (const name of record.fields.keys()) this.used.add(`${record.label}.${name}`);
  }

  #join(parts: readonly Expr[], scope: StaticScope): StaticType {
    const found = parts.map((part) => this.#value(part, scope));
    return found.length === 0 ? types.dyn : found.reduce(joinTypes);
  }

  /** The type of a part whose value is looked at: there a secret may not stand. */
  #value(expr: Expr, scope: StaticScope): StaticType {
    const type = this.infer(expr, scope);
    if (type.kind !== "secret") return type;
    this.#fault("template/secret", expr, `the secret "${type.name}" is used inside an expression`);
    return types.dyn;
  }

  #fault(code: TemplateErrorCode, expr: Expr, message: string, hint?: string, width = 1): void {
    this.#report(templateFault(code, { message, hint, location: locateInExpression(this.#expression, expr, width) }));
  }
}

const constantTypes: Readonly<Record<string, StaticType>> = {
  int64Value: types.int,
  doubleValue: types.double,
  boolValue: types.bool,
  stringValue: types.string,
  nullValue: types.null,
};

const typeNames = new Set(["int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type", "type"]);
