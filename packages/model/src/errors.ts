import { createError, formatDiagnostic, printable } from "@cpm/base";
import type { CpmError, Diagnostic } from "@cpm/base";

export const modelErrors = {
  "source/syntax": { kind: "invalid_argument", title: "Not valid YAML" },
  "source/unsupported": { kind: "invalid_argument", title: "A YAML feature that packages do not use" },
  "source/too-large": { kind: "resource_exhausted", title: "A text over its limit" },
  "name/invalid-package": {
    kind: "invalid_argument",
    title: "Not a package name",
    hint: "A package is called namespace/name; each part is lower-case letters, digits and single dashes, at most 64.",
  },
  "name/invalid-release": {
    kind: "invalid_argument",
    title: "Not a release name",
    hint: "Lower-case letters, digits and single dashes, at most 48.",
  },
  "version/invalid": {
    kind: "invalid_argument",
    title: "Not a version",
    hint: "A version is MAJOR.MINOR.PATCH with an optional -prerelease and +build (semver 2.0.0).",
  },
  "range/invalid": {
    kind: "invalid_argument",
    title: "Not a version range",
    hint: 'Examples: 1.2.3, ^1.2.0, ~1.4, ">=1.2 <3", "1.x || 2.x".',
  },
  "reference/invalid": {
    kind: "invalid_argument",
    title: "Not a package reference",
    hint: "A reference is [host[:port]/]namespace/name[@version|@range|@sha256:…].",
  },
  "manifest/invalid": { kind: "invalid_argument", title: "The manifest is wrong" },
  "manifest/unknown-key": { kind: "invalid_argument", title: "A key that does not exist" },
  "manifest/missing-key": { kind: "invalid_argument", title: "A required key is missing" },
  "manifest/wrong-type": { kind: "invalid_argument", title: "A value of the wrong type" },
  "manifest/invalid-value": { kind: "invalid_argument", title: "A value that is not allowed" },
  "manifest/duplicate": { kind: "invalid_argument", title: "A name that is used twice" },
  "config/invalid": {
    kind: "data_loss",
    title: "The artifact's config is not one that CPM wrote",
    hint: "The package was not made by `cpm pack`, or was changed afterwards.",
  },
  "input/invalid": { kind: "invalid_argument", title: "The inputs do not fit the package" },
  "input/unknown": { kind: "invalid_argument", title: "An input that the package does not have" },
  "input/missing": { kind: "invalid_argument", title: "A required input is missing" },
  "input/wrong-type": { kind: "invalid_argument", title: "An input of the wrong type" },
  "input/invalid-value": { kind: "invalid_argument", title: "An input that is not allowed" },
  "input/assignment": {
    kind: "invalid_argument",
    title: "Not an assignment",
    hint: "Write --set key=value.",
  },
  "lock/invalid": {
    kind: "invalid_argument",
    title: "The lockfile is wrong",
    hint: "It is written by `cpm lock`: take it from version control, or make it again.",
  },
  "settings/invalid": { kind: "invalid_argument", title: "A settings file is wrong" },
  "glob/invalid": { kind: "invalid_argument", title: "Not a file pattern" },
} as const;

export type ModelErrorCode = keyof typeof modelErrors;

/** One error that carries all the faults found; the first fault is its message. */
export function faultsError(code: ModelErrorCode, diagnostics: readonly Diagnostic[]): CpmError {
  const first = diagnostics.find((diagnostic) => diagnostic.severity === "error") ?? diagnostics[0];
  const headline = first === undefined ? modelErrors[code].title : formatDiagnostic(first).split("\n")[0];
  const more = diagnostics.length > 1 ? ` (and ${diagnostics.length - 1} more)` : "";
  return createError(modelErrors, code, `${headline}${more}`, { diagnostics, hint: first?.hint });
}

export function invalidText(code: ModelErrorCode, what: string, text: string, why?: string): CpmError {
  const reason = why === undefined ? "" : `: ${why}`;
  return createError(modelErrors, code, `"${printable(text, 120)}" is not ${what}${reason}`, {
    context: { text: text.slice(0, 200) },
  });
}

export function invalidConfig(reason: string, cause?: unknown): CpmError {
  return createError(modelErrors, "config/invalid", `the package config is invalid: ${reason}`, { cause });
}

export function badAssignment(text: string): CpmError {
  return createError(modelErrors, "input/assignment", `"${printable(text, 80)}" is not key=value`);
}
