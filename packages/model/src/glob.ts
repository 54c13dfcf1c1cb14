import { createError } from "@cpm/base";
import { modelErrors } from "./errors.ts";

/**
 * A file pattern over `/`-separated paths: `*` and `?` stay within one component, `**` as a whole component
 * stands for any number of components, `{a,b}` for either. There are no character classes and no negation.
 */
export interface Glob {
  readonly text: string;
  /** One list of components for each way to choose the braces. */
  readonly variants: readonly (readonly string[])[];
}

const maxVariants = 64;
const maxLength = 512;

/** Throws `glob/invalid` for absolute patterns, `..`, unbalanced braces and too many alternatives. */
export function parseGlob(text: string): Glob {
  const fault = globFault(text);
  if (fault !== undefined) throw createError(modelErrors, "glob/invalid", `"${text.slice(0, 120)}": ${fault}`);
  return { text, variants: expandBraces(text).map((variant) => variant.split("/")) };
}

/** Why a text is no pattern; undefined when it is one. */
export function globFault(text: string): string | undefined {
  if (text === "") return "the pattern is empty";
  if (text.length > maxLength) return `the pattern has more than ${maxLength} characters`;
  if (text.startsWith("/")) return "the pattern is absolute; paths are relative to the package";
  if (text.includes("\\")) return "backslashes are not used; separate with /";
  if (!balanced(text)) return "the braces do not match";
  const variants = expandBraces(text);
  if (variants.length > maxVariants) return `the braces stand for more than ${maxVariants} patterns`;
  for (const component of variants.flatMap((variant) => variant.split("/"))) {
    if (component === "" || component === "." || component === "..") return `a component is "${component}"`;
    if (component.includes("**") && component !== "**") return "** must be a whole component";
  }
  return undefined;
}

/** Takes time in proportion to pattern × path, whatever the pattern. */
export function matchGlob(glob: Glob, path: string): boolean {
  const components = path.split("/");
  return glob.variants.some((variant) => matchComponents(variant, components));
}

/** Row by row: `reach[at]` tells whether the pattern so far can consume the first `at` components. */
function matchComponents(pattern: readonly string[], path: readonly string[]): boolean {
  let reach = [true, ...path.map(() => false)];
  for (const component of pattern) {
    const next = reach.map(() => false);
    for (let at = 0; at <= path.length; at++) {
      if (component === "**") next[at] = reach[at] === true || (at > 0 && next[at - 1] === true);
      else if (at > 0) next[at] = reach[at - 1] === true && matchComponent(component, path[at - 1] ?? "");
    }
    reach = next;
  }
  return reach[path.length] === true;
}

/** Wildcard matching that only ever goes back to the last `*`. */
function matchComponent(pattern: string, text: string): boolean {
  let [patternAt, textAt, starAt, resumeAt] = [0, 0, -1, 0];
  while (textAt < text.length) {
    const symbol = pattern[patternAt];
    if (symbol === "*") {
      starAt = patternAt++;
      resumeAt = textAt;
    } else if (symbol !== undefined && (symbol === "?" || symbol === text[textAt])) {
      patternAt++;
      textAt++;
    } else if (starAt !== -1) {
      patternAt = starAt + 1;
      textAt = ++resumeAt;
    } else return false;
  }
  while (pattern[patternAt] === "*") patternAt++;
  return patternAt === pattern.length;
}

function balanced(text: string): boolean {
  let open = 0;
  for (const char of text) {
    if (char === "{") open++;
    if (char === "}") open--;
    if (open < 0 || open > 1) return false;
  }
  return open === 0;
}

/** Braces do not nest. Stops as soon as there are too many variants. */
function expandBraces(text: string): string[] {
  let variants = [""];
  for (const piece of text.split(/(\{[^{}]*\})/)) {
    const choices = piece.startsWith("{") ? piece.slice(1, -1).split(",") : [piece];
    variants = variants.flatMap((variant) => choices.map((choice) => variant + choice));
    if (variants.length > maxVariants) return variants;
  }
  return variants;
}
