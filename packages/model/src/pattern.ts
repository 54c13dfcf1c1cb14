import { RE2JS } from "re2js";

/** Why a text is no regular expression in RE2's syntax; undefined when it is one. */
export function patternFault(pattern: string): string | undefined {
  try {
    RE2JS.compile(pattern);
    return undefined;
  } catch (cause) {
    return cause instanceof Error ? cause.message : "it does not parse";
  }
}

/**
 * Whether the whole text matches. RE2 matches in linear time: a package's pattern is judged by registries and
 * agents, which a backtracking engine would let it stop.
 */
export function matchesPattern(pattern: string, text: string): boolean {
  return RE2JS.compile(pattern).matches(text);
}
