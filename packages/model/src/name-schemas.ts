import { isPackageName, namePartPattern } from "./package-name.ts";
import type { PackageName } from "./package-name.ts";
import { readRange } from "./range.ts";
import type { Range } from "./range.ts";
import { text } from "./schema/scalars.ts";
import { converted } from "./schema/schema.ts";
import type { Schema } from "./schema/schema.ts";
import { readVersion, versionPattern } from "./version.ts";
import type { Version } from "./version.ts";

/** What inputs, outputs and aliases are called: CEL's identifiers. */
export const identifier: Schema<string> = text("an identifier", { pattern: "[a-zA-Z_][a-zA-Z0-9_]*", maxLength: 64 });

/** `namespace/name` */
export const packageName: Schema<PackageName> = converted(
  text("namespace/name", { pattern: `${namePartPattern}/${namePartPattern}`, maxLength: 129 }),
  "namespace/name",
  (value) => (isPackageName(value) ? value : undefined),
  (value) => value,
  (value) => ({ message: `"${value}" is not a package name`, hint: "Each part has at most 64 characters." }),
);

export const version: Schema<Version> = converted(
  text("a version", {
    pattern: versionPattern,
    maxLength: 128,
    patternHint: "MAJOR.MINOR.PATCH with an optional -prerelease and +build: 1.2.0, 2.0.0-rc.1.",
  }),
  "a version",
  readVersion,
  (value) => value.text,
  (value) => ({ message: `"${value}" is not a version` }),
);

export const range: Schema<Range> = converted(
  text("a version range", { maxLength: 512 }),
  "a version range",
  readRange,
  (value) => value.text,
  (value) => ({ message: `"${value}" is not a version range`, hint: 'Examples: 1.2.3, ^1.2.0, ~1.4, ">=1.2 <3".' }),
);
