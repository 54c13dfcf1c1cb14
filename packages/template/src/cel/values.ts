import type { CelInput, CelValue } from "@bufbuild/cel";
import { celType, isCelList, isCelMap } from "@bufbuild/cel";
import type { Budget } from "../budget.ts";
import type { RenderedEntry, RenderedNode } from "../rendered.ts";
import type { SourceFile, SourceRange } from "@cpm/model";

/** A value that a template may read: integers are `bigint`, fractions are `number`. */
export type ScopeValue =
  | null
  | boolean
  | bigint
  | number
  | string
  | readonly ScopeValue[]
  | { readonly [key: string]: ScopeValue };

export function toCelInput(value: ScopeValue): CelInput {
  if (Array.isArray(value)) return value.map(toCelInput);
  if (typeof value === "object" && value !== null)
    return new Map(Object.entries(value).map(([key, item]) => [key, toCelInput(item)]));
  return value;
}

export interface ConversionTarget {
  readonly file: SourceFile;
  readonly range: SourceRange;
  readonly budget: Budget;
}

/**
 * What an expression gave, as JSON would hold it. Throws an `Error` with a plain sentence for what JSON cannot
 * hold: timestamps, bytes, types, messages, maps with other keys than strings, fractions that are not finite.
 */
export function fromCel(value: CelValue, target: ConversionTarget, depth: number): RenderedNode {
  const { file, range, budget } = target;
  if (isCelList(value)) {
    budget.chargeOutput(depth);
    return { kind: "list", items: [...value].map((item) => fromCel(item, target, depth + 1)), file, range };
  }
  if (isCelMap(value)) {
    budget.chargeOutput(depth);
    const entries = [...value.entries()].map(([key, item]): RenderedEntry => {
      if (typeof key !== "string")
        throw new Error(`the result has a map with a key of type ${celType(key).name}, and JSON has string keys only`);
      budget.chargeOutput(depth, key.length);
      return { key, keyRange: range, value: fromCel(item, target, depth + 1) };
    });
    return { kind: "map", entries, file, range };
  }
  budget.chargeOutput(depth, typeof value === "string" ? value.length : 0);
  if (typeof value === "bigint" && BigInt.asIntN(64, value) !== value)
    throw new Error(`the result is ${value}, more than 64 bits hold`);
  if (typeof value === "number" && !Number.isFinite(value))
    throw new Error(`the result is ${value}, which JSON cannot hold`);
  if (typeof value === "string" && !value.isWellFormed())
    throw new Error("the result is text with half a character, which JSON cannot hold");
  if (value === null || ["boolean", "bigint", "number", "string"].includes(typeof value)) {
    return { kind: "scalar", value: value as null | boolean | bigint | number | string, file, range };
  }
  throw new Error(`the result is a ${celType(value).name}, which JSON cannot hold`);
}
