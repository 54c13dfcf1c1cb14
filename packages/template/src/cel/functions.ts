import type { CelFunc, CelList, CelValue } from "@bufbuild/cel";
import { celFunc, celList, CelScalar, celMethod, isCelList, isCelMap, listType } from "@bufbuild/cel";
import { strings } from "@bufbuild/cel/ext";
import type { Budget } from "../budget.ts";
import { appendFunction, chargeFunction, rangeFunction } from "./instrument.ts";
import { PatternCache } from "./patterns.ts";

const { DYN, INT, DOUBLE, STRING, BOOL } = CelScalar;
const anyList = listType(DYN);

/** What `range` may give at most: a larger one could only fail at the step budget. */
const maxRange = 10_000n;

/** How deep a value may nest; the output allows less. */
const maxValueDepth = 100;

/** String methods of the library whose cost is bounded by the size of what they are given. */
const boundedStrings = ["charAt", "indexOf", "lastIndexOf", "lowerAscii", "upperAscii", "substring", "trim"];

/**
 * The functions of one rendering, over the library's own of the same name. All are pure and take time in
 * proportion to their arguments, which are charged before the call (`instrument`); those whose results can
 * outgrow their arguments charge for themselves.
 */
export function templateFunctions(budget: Budget): CelFunc[] {
  const patterns = new PatternCache(budget);
  return [
    ...strings.filter((func) => boundedStrings.includes(func.name)),
    celMethod("replace", STRING, [STRING, STRING], STRING, function (from, to) {
      return replace(this, from, to, -1n, budget);
    }),
    celMethod("replace", STRING, [STRING, STRING, INT], STRING, function (from, to, limit) {
      return replace(this, from, to, limit, budget);
    }),
    celMethod("split", STRING, [STRING], anyList, function (separator) {
      return split(this, separator, -1n, budget);
    }),
    celMethod("split", STRING, [STRING, INT], anyList, function (separator, limit) {
      return split(this, separator, limit, budget);
    }),
    celMethod("join", anyList, [], STRING, function () {
      return join(this, "", budget);
    }),
    celMethod("join", anyList, [STRING], STRING, function (separator) {
      return join(this, separator, budget);
    }),
    celMethod("matches", STRING, [STRING], BOOL, function (pattern) {
      return patterns.matches(this, pattern);
    }),
    celFunc("matches", [STRING, STRING], BOOL, (text, pattern) => patterns.matches(text, pattern)),
    celFunc("int", [STRING], INT, parseInteger),
    celFunc("double", [STRING], DOUBLE, parseDouble),
    celFunc("range", [INT], listType(INT), (count) => range(count, budget)),
    celFunc("sortedKeys", [DYN], listType(STRING), sortedKeys),
    // The library chains lists, and reading a chain of n takes n² steps and n frames of the stack.
    celFunc("_+_", [anyList, anyList], anyList, (left, right) => celList([...left, ...right])),
    ...meterFunctions(budget),
  ];
}

/** What `instrument` puts into expressions. Their names cannot be written by a person. */
function meterFunctions(budget: Budget): CelFunc[] {
  const grown = new WeakMap<CelList, CelValue[]>();
  return [
    celFunc(chargeFunction, [DYN], DYN, (value) => {
      charge(value, budget, 0);
      return value;
    }),
    celFunc(rangeFunction, [DYN, INT], DYN, (value, turnCost) => {
      const turns = isCelList(value) || isCelMap(value) ? value.size : 0;
      budget.chargeSteps(1 + turns * Number(turnCost));
      return value;
    }),
    // The list of a loop is seen by nobody before the loop ends, so it grows in place.
    celFunc(appendFunction, [DYN, DYN], DYN, (list, item) => {
      if (!isCelList(list)) throw new Error("the loop has no list");
      const items = grown.get(list) ?? [...list];
      items.push(item);
      const result = grown.has(list) ? list : celList(items);
      grown.set(result, items);
      return result;
    }),
  ];
}

/**
 * Pays for handling a value: a step for each element at any depth, and for each 16 characters. As it goes, since
 * a value that shares its parts can be larger than what could ever be counted.
 */
function charge(value: CelValue, budget: Budget, depth: number): void {
  if (depth > maxValueDepth) throw new Error(`a value nested deeper than ${maxValueDepth} levels`);
  if (typeof value === "string" || value instanceof Uint8Array) {
    budget.chargeSteps(textCost(value.length));
    return;
  }
  budget.chargeSteps(1);
  if (isCelList(value)) for (const item of value) charge(item, budget, depth + 1);
  else if (isCelMap(value))
    for (const [key, item] of value.entries()) {
      if (typeof key === "string") budget.chargeSteps(textCost(key.length));
      charge(item, budget, depth + 1);
    }
}

function textCost(length: number): number {
  return 1 + (length >> 4);
}

function range(count: bigint, budget: Budget): bigint[] {
  if (count < 0n || count > maxRange) throw new Error(`range(${count}): the count must lie between 0 and ${maxRange}`);
  budget.chargeSteps(Number(count));
  return Array.from({ length: Number(count) }, (_, index) => BigInt(index));
}

/** The first `limit` occurrences, or all when it is negative. */
function replace(text: string, from: string, to: string, limit: bigint, budget: Budget): string {
  if (from === "") throw new Error("replace: the text to replace is empty");
  let result = "";
  let at = 0;
  let left = limit;
  for (let next = text.indexOf(from); next !== -1 && left !== 0n; next = text.indexOf(from, at)) {
    budget.chargeSteps(textCost(to.length));
    result += text.slice(at, next) + to;
    at = next + from.length;
    left--;
  }
  return result + text.slice(at);
}

/** At most `limit` parts, the last with all that is left; all parts when it is negative. */
function split(text: string, separator: string, limit: bigint, budget: Budget): CelList {
  if (limit === 0n) return celList([]);
  const parts: string[] = [];
  let at = 0;
  for (let left = limit; left !== 1n; left--) {
    budget.chargeSteps(1);
    const next = separator === "" ? nextCharacter(text, at) : text.indexOf(separator, at);
    if (next === -1) break;
    parts.push(text.slice(at, next));
    at = next + separator.length;
  }
  return celList([...parts, text.slice(at)]);
}

/** Where the character after the one at an offset begins; -1 at the last one. */
function nextCharacter(text: string, at: number): number {
  const next = at + ((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1);
  return next < text.length ? next : -1;
}

function join(list: CelList, separator: string, budget: Budget): string {
  budget.chargeSteps(list.size * textCost(separator.length));
  const parts: string[] = [];
  for (const item of list) {
    if (typeof item !== "string") throw new Error("join: the list holds something else than strings");
    parts.push(item);
  }
  return parts.join(separator);
}

/** Decimal digits only: the library takes whatever JavaScript does, such as "", " 1 " and "0x10". */
function parseInteger(text: string): bigint {
  if (!/^[-+]?\d{1,19}$/.test(text)) throw new Error("int: the text is not a whole number of 64 bits");
  const value = BigInt(text.replace("+", ""));
  if (BigInt.asIntN(64, value) !== value) throw new Error("int: the text is not a whole number of 64 bits");
  return value;
}

function parseDouble(text: string): number {
  const special: Readonly<Record<string, number>> = {
    NaN: Number.NaN,
    Infinity: Number.POSITIVE_INFINITY,
    "+Infinity": Number.POSITIVE_INFINITY,
    "-Infinity": Number.NEGATIVE_INFINITY,
  };
  const named = Object.hasOwn(special, text) ? special[text] : undefined;
  if (named !== undefined) return named;
  if (text.length > 400 || !/^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(text))
    throw new Error("double: the text is not a number");
  return Number(text);
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
