import { invalidText } from "./errors.ts";
import { compareTriples, compareVersions, parseVersion, readVersion } from "./version.ts";
import type { Version } from "./version.ts";

/** One bound on a version. */
export interface Comparator {
  readonly operator: "<" | "<=" | ">" | ">=" | "=";
  readonly version: Version;
}

/**
 * A version range in node-semver's grammar. A version fits when it fits every comparator of at least one
 * alternative; an alternative without comparators takes every version. A prerelease fits only where a comparator
 * of that alternative names a prerelease of the same major.minor.patch.
 */
export interface Range {
  readonly text: string;
  readonly alternatives: readonly (readonly Comparator[])[];
}

const maxLength = 512;
const lowestVersion = parseVersion("0.0.0");
const number = "0|[1-9]\\d*";
const wild = `${number}|[xX*]`;
const prereleasePart = "(?:0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*)";
const partialPattern =
  `[v=\\s]*(${wild})(?:\\.(${wild})(?:\\.(${wild})` +
  `(?:-(${prereleasePart}(?:\\.${prereleasePart})*))?(?:\\+[0-9a-zA-Z-]+(?:\\.[0-9a-zA-Z-]+)*)?)?)?`;
const hyphenPattern = new RegExp(`^\\s*(${partialPattern})\\s+-\\s+(${partialPattern})\\s*$`);
const simplePattern = new RegExp(`^(<=|>=|<|>|=|~>|~|\\^|)\\s*${partialPattern}$`);

/** A version with parts left open: undefined stands for `x`, `*` or nothing. */
interface Partial {
  readonly major: number | undefined;
  readonly minor: number | undefined;
  readonly patch: number | undefined;
  readonly prerelease: string | undefined;
}

/** Throws `range/invalid`. The empty text and `*` take every version that is not a prerelease. */
export function parseRange(text: string): Range {
  const range = readRange(text);
  if (range === undefined) throw invalidText("range/invalid", "a version range", text);
  return range;
}

/** The range, or undefined where the text is none. */
export function readRange(text: string): Range | undefined {
  if (text.length > maxLength) return undefined;
  const alternatives: (readonly Comparator[])[] = [];
  for (const part of text.split("||")) {
    const comparators = parseAlternative(part.trim());
    if (comparators === undefined) return undefined;
    alternatives.push(comparators);
  }
  // As in node-semver, "anything" swallows the other alternatives and the prereleases that they name.
  const open = alternatives.some((comparators) => comparators.length === 0);
  return { text: text.trim(), alternatives: open ? [[]] : alternatives };
}

export function formatRange(range: Range): string {
  return range.text;
}

/** node-semver's `satisfies` without `includePrerelease`. */
export function satisfies(version: Version, range: Range): boolean {
  return range.alternatives.some((comparators) => fits(version, comparators));
}

/** The highest version that fits; undefined when none does. */
export function maxSatisfying(versions: Iterable<Version>, range: Range): Version | undefined {
  let best: Version | undefined;
  for (const version of versions) {
    if (satisfies(version, range) && (best === undefined || compareVersions(version, best) > 0)) best = version;
  }
  return best;
}

function fits(version: Version, comparators: readonly Comparator[]): boolean {
  if (!comparators.every((comparator) => meets(version, comparator))) return false;
  if (version.prerelease.length === 0) return true;
  return comparators.some(
    (comparator) => comparator.version.prerelease.length > 0 && compareTriples(comparator.version, version) === 0,
  );
}

function meets(version: Version, { operator, version: bound }: Comparator): boolean {
  const order = compareVersions(version, bound);
  if (operator === "=") return order === 0;
  if (operator === "<") return order < 0;
  if (operator === "<=") return order <= 0;
  return operator === ">" ? order > 0 : order >= 0;
}

function parseAlternative(text: string): readonly Comparator[] | undefined {
  const hyphen = hyphenPattern.exec(text);
  if (hyphen !== null) {
    const from = toPartial(hyphen, 2);
    const to = toPartial(hyphen, 7);
    return from === undefined || to === undefined ? undefined : complete([...lowest(from), ...upTo(to)]);
  }
  // Operators may stand apart from their version: ">= 1.2" is ">=1.2".
  const words = text
    .replace(/([<>=~^])\s+/g, "$1")
    .split(/\s+/)
    .filter((word) => word !== "");
  const comparators: (Comparator | undefined)[] = [];
  for (const word of words) {
    const match = simplePattern.exec(word);
    const partial = match === null ? undefined : toPartial(match, 2);
    if (match === null || partial === undefined) return undefined;
    comparators.push(...expand(match[1] ?? "", partial));
  }
  return complete(comparators);
}

/** A bound whose number went over 2^53 cannot be written: then the range is refused. `>=0.0.0` says nothing. */
function complete(comparators: readonly (Comparator | undefined)[]): readonly Comparator[] | undefined {
  if (!comparators.every((comparator) => comparator !== undefined)) return undefined;
  return comparators.filter(
    ({ operator, version }) => operator !== ">=" || compareVersions(version, lowestVersion) !== 0,
  );
}

function toPartial(match: RegExpExecArray, first: number): Partial | undefined {
  const numbers = [0, 1, 2].map((offset) => toNumber(match[first + offset]));
  const [major, minor, patch] = numbers;
  if (numbers.some((value) => value !== undefined && !Number.isSafeInteger(value))) return undefined;
  const open = major === undefined ? 0 : minor === undefined ? 1 : patch === undefined ? 2 : 3;
  return {
    major: open > 0 ? major : undefined,
    minor: open > 1 ? minor : undefined,
    patch: open > 2 ? patch : undefined,
    prerelease: open > 2 ? match[first + 3] : undefined,
  };
}

function toNumber(text: string | undefined): number | undefined {
  return text === undefined || /^[xX*]$/.test(text) ? undefined : Number(text);
}

function expand(operator: string, partial: Partial): readonly (Comparator | undefined)[] {
  if (operator === "^") return caret(partial);
  if (operator === "~" || operator === "~>") return tilde(partial);
  if (operator === "" || operator === "=") return equal(partial);
  return primitive(operator as "<" | "<=" | ">" | ">=", partial);
}

function caret(partial: Partial): readonly (Comparator | undefined)[] {
  const { major, minor, patch } = partial;
  if (major === undefined) return [];
  if (major > 0 || minor === undefined) return [...lowest(partial), below(major + 1, 0, 0)];
  if (minor > 0 || patch === undefined) return [...lowest(partial), below(0, minor + 1, 0)];
  return [...lowest(partial), below(0, 0, patch + 1)];
}

function tilde(partial: Partial): readonly (Comparator | undefined)[] {
  const { major, minor } = partial;
  if (major === undefined) return [];
  return [...lowest(partial), minor === undefined ? below(major + 1, 0, 0) : below(major, minor + 1, 0)];
}

function equal(partial: Partial): readonly (Comparator | undefined)[] {
  return partial.patch === undefined ? tilde(partial) : [bound("=", partial)];
}

function primitive(operator: "<" | "<=" | ">" | ">=", partial: Partial): readonly (Comparator | undefined)[] {
  const { major, minor, patch } = partial;
  if (patch !== undefined) return [bound(operator, partial)];
  if (major === undefined) return operator === "<" || operator === ">" ? [below(0, 0, 0)] : [];
  if (operator === ">=") return lowest(partial);
  if (operator === "<") return [below(major, minor ?? 0, 0)];
  const next = minor === undefined ? ([major + 1, 0] as const) : ([major, minor + 1] as const);
  return operator === ">" ? [comparator(">=", `${next[0]}.${next[1]}.0`)] : [below(next[0], next[1], 0)];
}

/** `>=` the lowest version that the partial stands for; nothing when it stands for all. */
function lowest(partial: Partial): readonly (Comparator | undefined)[] {
  return partial.major === undefined ? [] : [bound(">=", partial)];
}

/** The upper end of a hyphen range. */
function upTo(partial: Partial): readonly (Comparator | undefined)[] {
  const { major, minor, patch } = partial;
  if (major === undefined) return [];
  if (minor === undefined) return [below(major + 1, 0, 0)];
  return patch === undefined ? [below(major, minor + 1, 0)] : [bound("<=", partial)];
}

function bound(operator: Comparator["operator"], partial: Partial): Comparator | undefined {
  const prerelease = partial.prerelease === undefined ? "" : `-${partial.prerelease}`;
  return comparator(operator, `${partial.major ?? 0}.${partial.minor ?? 0}.${partial.patch ?? 0}${prerelease}`);
}

/** Below every version of that triple, its prereleases included: `-0` is the lowest prerelease. */
function below(major: number, minor: number, patch: number): Comparator | undefined {
  return comparator("<", `${major}.${minor}.${patch}-0`);
}

function comparator(operator: Comparator["operator"], text: string): Comparator | undefined {
  const version = readVersion(text);
  return version === undefined ? undefined : { operator, version };
}
