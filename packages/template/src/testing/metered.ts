import type { CelFunc, CelValue } from "@bufbuild/cel";
import { celEnv, plan } from "@bufbuild/cel";
import { Budget } from "../budget.ts";
import { ExpressionParser } from "../cel/expression.ts";
import { templateFunctions } from "../cel/functions.ts";
import { instrument } from "../cel/instrument.ts";
import { defaultTemplateLimits } from "../limits.ts";

export interface Metering {
  readonly exhausted: boolean;
  /** Steps charged. */
  readonly steps: number;
  /** What was really done: a step for every value that a function was given, and for every 16 characters of it. */
  readonly work: number;
}

/** Evaluates one expression under a limit of steps and counts what its functions did. */
export function meter(source: string, maxSteps: number): Metering {
  const budget = new Budget({ ...defaultTemplateLimits, maxSteps });
  const place = { file: { path: "t", text: source }, range: [0, source.length] as const, sourceStart: 0 };
  const expression = new ExpressionParser(defaultTemplateLimits).parse(source, place, () => {});
  if (expression === undefined) return { exhausted: false, steps: 0, work: 0 };
  let work = 0;
  const count = (values: readonly (CelValue | undefined)[]): void => {
    for (const value of values) work += typeof value === "string" ? 1 + (value.length >> 4) : 1;
  };
  // The library's own functions too: those of ours come after them and win.
  const own = celEnv({ funcs: templateFunctions(budget) }).funcs;
  const counted = [...own].map((func): CelFunc => {
    if (func.name.startsWith("@") && func.name !== "@in") return func;
    const call: CelFunc["call"] = (id, target, args) => {
      const result = func.call(id, target, args);
      if (result !== undefined) count(target === undefined ? args : [target, ...args]);
      return result;
    };
    return new Proxy(func, { get: (inner, key) => (key === "call" ? call : Reflect.get(inner, key, inner)) });
  });
  budget.chargeSteps(expression.nodes);
  try {
    plan(celEnv({ funcs: counted }), instrument(expression.ast))({});
  } catch {
    // What it fails with is not what is measured.
  }
  return { exhausted: budget.exhausted !== undefined, steps: budget.steps, work };
}
