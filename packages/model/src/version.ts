import { invalidText } from "./errors.ts";

/** A version by semver 2.0.0. Made by `parseVersion` only, so that `text` and the parts agree. */
export interface Version {
  readonly text: string;
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** Dot separated identifiers; numeric ones are numbers. */
  readonly prerelease: readonly (string | number)[];
  readonly build: readonly string[];
}

const maxLength = 256;
const number = "0|[1-9]\\d*";
const identifier = `(?:${number}|\\d*[a-zA-Z-][0-9a-zA-Z-]*)`;
const buildIdentifier = "[0-9a-zA-Z-]+";

/** The whole grammar as one pattern, without anchors; for schemas too. */
export const versionPattern: string =
  `(${number})\\.(${number})\\.(${number})` +
  `(?:-(${identifier}(?:\\.${identifier})*))?(?:\\+(${buildIdentifier}(?:\\.${buildIdentifier})*))?`;

const pattern = new RegExp(`^${versionPattern}$`);

/** Throws `version/invalid`. Like node-semver it refuses more than 256 characters and numbers over 2^53-1. */
export function parseVersion(text: string): Version {
  const version = readVersion(text);
  if (version === undefined) throw invalidText("version/invalid", "a version", text, reasonFor(text));
  return version;
}

/** The version, or undefined where the text is none. */
export function readVersion(text: string): Version | undefined {
  const match = text.length <= maxLength ? pattern.exec(text) : null;
  if (match === null) return undefined;
  const [major, minor, patch] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (![major, minor, patch].every(Number.isSafeInteger)) return undefined;
  const prerelease = (match[4]?.split(".") ?? []).map(toIdentifier);
  return { text, major, minor, patch, prerelease, build: match[5]?.split(".") ?? [] };
}

export function formatVersion(version: Version): string {
  return version.text;
}

/** What precedence looks at. */
export type Precedence = Pick<Version, "major" | "minor" | "patch" | "prerelease">;

type Triple = Pick<Version, "major" | "minor" | "patch">;

/** Precedence by semver 2.0.0 §11: negative, zero or positive. Build metadata does not count. */
export function compareVersions(left: Precedence, right: Precedence): number {
  return compareTriples(left, right) || comparePrereleases(left.prerelease, right.prerelease);
}

/** Compares major, minor and patch only. */
export function compareTriples(left: Triple, right: Triple): number {
  return left.major - right.major || left.minor - right.minor || left.patch - right.patch;
}

/** A version as an OCI tag: tags cannot hold `+`, versions cannot hold `_`. */
export function versionToTag(version: Version): string {
  return version.text.replace("+", "_");
}

/** The version that a tag stands for; undefined when the tag is no version's. */
export function tagToVersion(tag: string): Version | undefined {
  return readVersion(tag.replace("_", "+"));
}

function toIdentifier(text: string): string | number {
  return /^\d+$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : text;
}

function comparePrereleases(left: readonly (string | number)[], right: readonly (string | number)[]): number {
  if (left.length === 0 || right.length === 0) return right.length - left.length;
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const difference = compareIdentifiers(left[at] ?? 0, right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

function compareIdentifiers(left: string | number, right: string | number): number {
  if (typeof left === "number" && typeof right === "number") return left - right;
  if (typeof left === "number") return -1;
  if (typeof right === "number") return 1;
  if (isDigits(left) && isDigits(right))
    return left.length - right.length || (left < right ? -1 : left > right ? 1 : 0);
  if (isDigits(left) !== isDigits(right)) return isDigits(left) ? -1 : 1;
  return left < right ? -1 : left > right ? 1 : 0;
}

/** A numeric identifier beyond 2^53 stays text, so that it keeps all its digits. */
function isDigits(identifier: string | number): boolean {
  return typeof identifier === "string" && /^\d+$/.test(identifier);
}

function reasonFor(text: string): string | undefined {
  if (text.length > maxLength) return `it has more than ${maxLength} characters`;
  if (/^v\d/.test(text)) return 'it starts with "v"';
  if (/^\d+(\.\d+)?$/.test(text)) return "it needs three numbers";
  if (/(^|\.)0\d/.test(text)) return "a number has a leading zero";
  return undefined;
}
