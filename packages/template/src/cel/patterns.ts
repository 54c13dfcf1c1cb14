import { printable } from "@cpm/base";
import { RE2JS } from "re2js";
import type { Budget } from "../budget.ts";

/** Instructions that one compiled pattern may have. */
const maxProgramSize = 2000;

/** Regular expressions (RE2) of one rendering, each compiled once, paid for by the size of what they become. */
export class PatternCache {
  readonly #budget: Budget;
  readonly #compiled = new Map<string, RE2JS>();

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** Whether the pattern matches anywhere in the text. */
  matches(text: string, pattern: string): boolean {
    const program = this.#compiled.get(pattern) ?? this.#compile(pattern);
    // RE2 follows every alternative at once: each character can cost as much as the program is long.
    this.#budget.chargeSteps(1 + Math.ceil(((text.length + 1) * program.programSize()) / 128));
    return program.test(text);
  }

  #compile(pattern: string): RE2JS {
    const size = estimatedSize(pattern);
    if (size > maxProgramSize) throw new Error(`matches: the pattern is too large, about ${size} steps`);
    this.#budget.chargeSteps(10 + size);
    try {
      const program = RE2JS.compile(pattern);
      this.#compiled.set(pattern, program);
      return program;
    } catch (cause) {
      throw new Error(`matches: "${printable(pattern, 60)}" is not a regular expression (RE2)`, { cause });
    }
  }
}

/**
 * At least as much as the compiled pattern will hold: a repetition `{n,m}` copies what stands before it m times.
 * Known before compiling, since a short pattern can take long to compile.
 */
export function estimatedSize(pattern: string): number {
  const open: number[] = [];
  let sum = 0;
  let last = 0;
  for (const [token] of pattern.matchAll(/\\[pP]\{[^}]*\}|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{\d+(?:,\d*)?\}|[\s\S]/g)) {
    if (token === "(") {
      open.push(sum);
      sum = 0;
      last = 0;
    } else if (token === ")") {
      last = sum + 3;
      sum = (open.pop() ?? 0) + last;
    } else if (/^\{\d/.test(token)) {
      const times = Math.max(...[...token.matchAll(/\d+/g)].map(([digits]) => Math.min(Number(digits), 100_000)), 1);
      sum += last * times;
      last *= times + 1;
    } else if (/^[*+?]$/.test(token)) {
      last += 2;
      sum += 2;
    } else {
      last = 3;
      sum += last;
    }
  }
  return open.reduce((total, outer) => total + outer, sum);
}
