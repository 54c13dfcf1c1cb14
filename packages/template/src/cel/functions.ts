import type { CelFunc, CelValue } from "@bufbuild/cel";
import { CelScalar, celFunc, celMethod, isCelList, isCelMap, listType } from "@bufbuild/cel";
import { strings } from "@bufbuild/cel/ext";
import type { Budget } from "../budget.ts";
import { chargeFunction } from "./instrument.ts";

/** What `range` may give at most: a larger one could only fail at the step budget. */
const maxRange = 10_000n;

/** String methods of the library whose cost is bounded by the size of what they are given. */
const boundedStrings = new Set([
  "charAt",
  "indexOf",
  "lastIndexOf",
  "lowerAscii",
  "upperAscii",
  "split",
  "substring",
  "trim",
  "join",
]);

/** Every function that a template may call by name, beside CEL's own operators, conversions and macros. */
export const extraFunctionNames: readonly string[] = [...boundedStrings, "replace", "range", "sortedKeys"];

/**
 * The functions of one rendering. All are pure and take time in proportion to their arguments, which are
 * charged before the call (`instrument`); `replace` and `range`, whose results can outgrow their arguments,
 * charge for themselves.
 */
export function templateFunctions(budget: Budget): CelFunc[] {
  return [
    ...strings.filter((func) => boundedStrings.has(func.name)),
    celMethod("replace", CelScalar.STRING, [CelScalar.STRING, CelScalar.STRING], CelScalar.STRING, function (from, to) {
      return replaceAll(this, from, to, budget);
    }),
    celFunc("range", [CelScalar.INT], listType(CelScalar.INT), (count) => range(count, budget)),
    celFunc("sortedKeys", [CelScalar.DYN], listType(CelScalar.STRING), (map) => sortedKeys(map)),
    celFunc(chargeFunction, [CelScalar.DYN, CelScalar.INT], CelScalar.DYN, (value, perElement) => {
      budget.chargeSteps(weigh(value, 0) * Number(perElement));
      return value;
    }),
  ];
}

function range(count: bigint, budget: Budget): bigint[] {
  if (count < 0n || count > maxRange) throw new Error(`range(${count}): the count must lie between 0 and ${maxRange}`);
  budget.chargeSteps(Number(count));
  return Array.from({ length: Number(count) }, (_, index) => BigInt(index));
}

function replaceAll(text: string, from: string, to: string, budget: Budget): string {
  if (from === "") throw new Error("replace: the text to replace is empty");
  const parts = text.split(from);
  budget.chargeSteps(stringWeight(text.length + (parts.length - 1) * to.length));
  return parts.join(to);
}

function sortedKeys(map: CelValue): string[] {
  if (!isCelMap(map)) throw new Error("sortedKeys: not a map");
  return [...map.keys()]
    .map((key) => {
      if (typeof key !== "string") throw new Error("sortedKeys: the keys are not strings");
      return key;
    })
    .sort();
}

/** How much work a value can cause: its elements, and its text in pieces of 64 characters. */
function weigh(value: CelValue, depth: number): number {
  if (typeof value === "string") return stringWeight(value.length);
  if (value instanceof Uint8Array) return stringWeight(value.length);
  if (depth > 100) throw new Error("a value nested deeper than 100 levels");
  let weight = 1;
  if (isCelList(value)) for (const item of value) weight += weigh(item, depth + 1);
  else if (isCelMap(value)) for (const [, item] of value.entries()) weight += weigh(item, depth + 1);
  return weight;
}

function stringWeight(length: number): number {
  return 1 + (length >> 6);
}
