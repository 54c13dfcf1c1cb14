import type { CelInput, CelValue } from "@bufbuild/cel";
import { celEnv, celUint, isCelError, isCelList, isCelMap, isCelType, isCelUint, plan } from "@bufbuild/cel";
import type { IncrementalTestSuite } from "@bufbuild/cel-spec/testdata/tests.js";
import { getConformanceSuite } from "@bufbuild/cel-spec/testdata/tests.js";
import type { Value } from "@bufbuild/cel-spec/cel/expr/value_pb.js";
import type { Diagnostic } from "@cpm/base";
import { Budget } from "../budget.ts";
import { ExpressionParser } from "../cel/expression.ts";
import { templateFunctions } from "../cel/functions.ts";
import { instrument } from "../cel/instrument.ts";
import type { TemplateLimits } from "../limits.ts";
import { defaultTemplateLimits } from "../limits.ts";

type SimpleTest = IncrementalTestSuite["tests"][number]["original"];

export interface ConformanceCase {
  /** `file/section/name`, with a number where a section uses a name twice. */
  readonly name: string;
  readonly test: SimpleTest;
}

export type Outcome =
  | { readonly kind: "passed" }
  | { readonly kind: "skipped"; readonly reason: string }
  | { readonly kind: "failed"; readonly got: string };

/** Files of the conformance data whose subject is not a part of templates. */
const foreignFiles: Readonly<Record<string, string>> = {
  bindings_ext: "extensions that templates do not offer",
  block_ext: "extensions that templates do not offer",
  encoders_ext: "extensions that templates do not offer",
  macros2: "extensions that templates do not offer",
  math_ext: "extensions that templates do not offer",
  optionals: "extensions that templates do not offer",
  dynamic: "protobuf messages",
  enums: "protobuf messages",
  proto2: "protobuf messages",
  proto2_ext: "protobuf messages",
  proto3: "protobuf messages",
  wrappers: "protobuf messages",
  timestamps: "timestamps and durations",
  type_deductions: "the type checker of CEL; templates have their own checks",
  namespace: "namespaces",
};

/** Templates bound what they evaluate; here nothing is to fail for its size. */
const wide: TemplateLimits = {
  ...defaultTemplateLimits,
  maxExpressionLength: 1e6,
  maxExpressionNodes: 1e6,
  maxExpressionsLength: 1e9,
  maxExpressionsWords: 1e9,
  maxSteps: 1e9,
};

/** Every case of the published data (cel-spec, `tests/simple/testdata`). */
export function conformanceCases(): ConformanceCase[] {
  const cases: ConformanceCase[] = [];
  const seen = new Map<string, number>();
  const walk = (suite: IncrementalTestSuite, path: string): void => {
    for (const { name, original } of suite.tests) {
      const full = `${path}/${name}`;
      const times = (seen.get(full) ?? 0) + 1;
      seen.set(full, times);
      cases.push({ name: times === 1 ? full : `${full}#${times}`, test: original });
    }
    for (const inner of suite.suites) walk(inner, path === "" ? inner.name : `${path}/${inner.name}`);
  };
  walk(getConformanceSuite(), "");
  return cases;
}

/**
 * Runs one case in the environment of templates: their parser, their functions, and the metering of `instrument`.
 * Throws when the metering changes the result.
 */
export function runConformance({ name, test }: ConformanceCase): Outcome {
  const reason = skipReason(name, test);
  if (reason !== undefined) return { kind: "skipped", reason };
  const faults: Diagnostic[] = [];
  const file = { path: name, text: test.expr };
  const place = { file, range: [0, test.expr.length] as const, sourceStart: 0 };
  const expression = new ExpressionParser(wide).parse(test.expr, place, (fault) => faults.push(fault));
  if (expression === undefined && faults.every((fault) => fault.code === "template/unknown-function"))
    return { kind: "skipped", reason: "functions and types that templates do not offer" };
  const evaluate = (metered: boolean): CelValue | Error => {
    if (expression === undefined) return new Error(faults[0]?.message);
    const env = celEnv({ funcs: templateFunctions(new Budget(wide)) });
    const bindings: Record<string, CelInput> = Object.create(null);
    for (const [key, bound] of Object.entries(test.bindings))
      if (bound.kind.case === "value") bindings[key] = toInput(bound.kind.value);
    return plan(env, metered ? instrument(expression.ast) : expression.ast)(bindings);
  };
  const result = evaluate(true);
  const plain = evaluate(false);
  if (describe(result) !== describe(plain))
    throw new Error(`${name}: metering changes ${describe(plain)} into ${describe(result)}`);
  const got = describe(result);
  return got === expected(test) ? { kind: "passed" } : { kind: "failed", got };
}

function skipReason(name: string, test: SimpleTest): string | undefined {
  const file = name.split("/")[0] ?? "";
  if (Object.hasOwn(foreignFiles, file)) return foreignFiles[file];
  if (test.checkOnly || test.resultMatcher.case === "typedResult") return foreignFiles["type_deductions"];
  if (test.container !== "") return "namespaces";
  const values = Object.values(test.bindings).flatMap((bound) =>
    bound.kind.case === "value" ? [bound.kind.value] : [],
  );
  if (test.resultMatcher.case === "value") values.push(test.resultMatcher.value);
  return values.every(isPlain) ? undefined : "protobuf messages";
}

function isPlain(value: Value): boolean {
  const { kind } = value;
  if (kind.case === "listValue") return kind.value.values.every(isPlain);
  if (kind.case === "mapValue")
    return kind.value.entries.every(({ key, value: item }) =>
      [key, item].every((part) => part === undefined || isPlain(part)),
    );
  return kind.case !== "objectValue" && kind.case !== "enumValue";
}

function expected(test: SimpleTest): string {
  switch (test.resultMatcher.case) {
    case "value":
      return describeValue(test.resultMatcher.value);
    case "evalError":
    case "anyEvalErrors":
      return "error";
    default:
      return describe(true);
  }
}

/** A result as text that is equal exactly for equal results of one type. */
function describe(value: CelValue | Error): string {
  if (isCelError(value) || value instanceof Error) return "error";
  if (value === null) return "null";
  if (typeof value === "bigint") return `int ${value}`;
  if (typeof value === "number") return `double ${Object.is(value, -0) ? "-0" : value}`;
  if (typeof value === "string") return `string ${JSON.stringify(value)}`;
  if (typeof value === "boolean") return String(value);
  if (value instanceof Uint8Array) return `bytes ${[...value].join(",")}`;
  if (isCelUint(value)) return `uint ${value.value}`;
  if (isCelType(value)) return `type ${value.name}`;
  if (isCelList(value)) return `[${[...value].map(describe).join("; ")}]`;
  if (isCelMap(value))
    return `{${[...value.entries()]
      .map(([key, item]) => `${describe(key)}: ${describe(item)}`)
      .sort()
      .join("; ")}}`;
  return "message";
}

function describeValue(value: Value): string {
  const { kind } = value;
  if (kind.case === "typeValue") return `type ${kind.value}`;
  if (kind.case === "listValue") return `[${kind.value.values.map(describeValue).join("; ")}]`;
  if (kind.case === "mapValue") {
    const entries = kind.value.entries.map(
      ({ key, value: item }) => `${key && describeValue(key)}: ${item && describeValue(item)}`,
    );
    return `{${entries.sort().join("; ")}}`;
  }
  return describe(toInput(value) as CelValue);
}

function toInput({ kind }: Value): CelInput {
  switch (kind.case) {
    case "listValue":
      return kind.value.values.map(toInput);
    case "mapValue":
      return new Map(
        kind.value.entries.map(({ key, value }) => [key && toInput(key), value && toInput(value)]),
      ) as CelInput;
    case "uint64Value":
      return celUint(kind.value);
    case "nullValue":
      return null;
    case "int64Value":
    case "doubleValue":
    case "boolValue":
    case "stringValue":
    case "bytesValue":
      return kind.value;
    default:
      throw new Error(`a binding of ${kind.case ?? "nothing"}`);
  }
}
