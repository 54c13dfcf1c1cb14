import type { Diagnostic, Digest, JsonObject, JsonValue } from "@cpm/base";
import { stringifyJson } from "@cpm/base";
import { faultsError } from "./errors.ts";
import { Faults } from "./faults.ts";
import { identifier, packageName, range, version } from "./name-schemas.ts";
import { count, digest } from "./package-config.ts";
import { readJsonSource } from "./json-source.ts";
import { isPackageName } from "./package-name.ts";
import type { PackageName } from "./package-name.ts";
import { isWrongRange } from "./manifest-dependencies.ts";
import { readRange } from "./range.ts";
import type { Range } from "./range.ts";
import { isRegistryHost } from "./reference.ts";
import { listOf, objectOf, recordOf, textOr } from "./schema/collections.ts";
import { oneOf, text } from "./schema/scalars.ts";
import { checked, converted } from "./schema/schema.ts";
import type { Schema } from "./schema/schema.ts";
import type { SourceFile } from "./source.ts";
import type { Version } from "./version.ts";
import { parseSource } from "./yaml.ts";

/** The name of the lockfile, beside colony.yaml. */
export const lockfileName = "cpm.lock";

/**
 * What a resolution came to: the same bytes for everybody, online or not. Packages are keyed by the registry that they
 * came from, so that one registry's package never passes for another's.
 */
export interface Lockfile {
  readonly lockfileVersion: "1";
  /** The dependencies of colony.yaml that it was made for, conditional ones too; when they differ, it is out of date. */
  readonly requirements: Needs;
  /** By registry and name. */
  readonly packages: readonly LockedPackage[];
}

/** What is needed, by name: several entries for a package that is there several times. */
export type Needs = Readonly<Record<string, readonly Need[]>>;

export interface Need {
  readonly version: Range;
  /** How the one who needs it calls it. */
  readonly alias?: string;
  /** The condition on its inputs under which it is needed. A lockfile serves every choice of inputs. */
  readonly when?: string;
}

export interface LockedPackage {
  /** `host[:port]`. */
  readonly registry: string;
  readonly name: PackageName;
  readonly version: Version;
  /** Of the manifest, or of the index over several platforms. */
  readonly digest: Digest;
  /** RFC 3339; absent where the registry does not tell. */
  readonly publishedAt?: string;
  /** One for each platform; a single one without a platform for a package of all. */
  readonly variants: readonly LockedVariant[];
  readonly dependencies: Needs;
  /**
   * Digests of the signatures and attestations that its registry showed when it was locked, in byte order. What is added
   * there later does not make a lockfile out of date.
   */
  readonly evidence: readonly Digest[];
}

export interface LockedVariant {
  readonly platform?: string;
  readonly digest: Digest;
  /** Address of the tree that its layers unpack to. */
  readonly tree: Digest;
  readonly layers: readonly LockedLayer[];
}

export interface LockedLayer {
  readonly digest: Digest;
  /** Compressed. */
  readonly sizeBytes: number;
}

/** How many signatures of one package a lockfile takes. */
export const maxEvidence = 1000;

interface LockedBody extends Omit<LockedPackage, "registry" | "name"> {}

interface LockfileBody {
  readonly lockfileVersion: "1";
  readonly requirements: Needs;
  readonly packages: Readonly<Record<string, LockedBody>>;
}

const need = textOr<Need>(
  text("a version range", { maxLength: 512 }),
  (value) => {
    const parsed = readRange(value);
    return parsed === undefined ? undefined : { version: parsed };
  },
  objectOf<Need>("a need", {
    version: { schema: range, description: "The versions that will do.", required: true },
    alias: { schema: identifier, description: "How it is called." },
    when: { schema: text("a condition", { maxLength: 2000 }), description: "The condition under which it is needed." },
  }),
  ({ version: wanted, alias, when }) => (alias === undefined && when === undefined ? wanted.text : undefined),
);

/** One, or a list of several. */
const needs: Schema<readonly Need[]> = {
  ...listOf(need, { minItems: 2, maxItems: 64 }),
  parse(node, faults) {
    if (node.kind === "list") return listOf(need, { minItems: 2, maxItems: 64 }).parse(node, faults);
    if (isWrongRange(node, faults)) return undefined;
    const one = need.parse(node, faults);
    return one === undefined ? undefined : [one];
  },
  format: (value) => {
    const formatted = value.map((entry) => need.format(entry));
    return formatted.length === 1 && formatted[0] !== undefined ? formatted[0] : formatted;
  },
};

const requirements = recordOf(named(packageName), needs, { maxKeys: 10_000 });

const variant = objectOf<LockedVariant>("a variant", {
  platform: {
    schema: text("os/arch", { pattern: "[a-z0-9]+/[a-z0-9]+", maxLength: 40 }),
    description: "Its platform.",
  },
  digest: { schema: digest, description: "Of its manifest.", required: true },
  tree: { schema: digest, description: "Address of its tree.", required: true },
  layers: {
    schema: listOf(
      objectOf<LockedLayer>("a layer", {
        digest: { schema: digest, description: "Of its compressed bytes.", required: true },
        sizeBytes: { schema: count, description: "Of its compressed bytes.", required: true },
      }),
      { minItems: 1, maxItems: 64 },
    ),
    description: "In the order of the manifest.",
    required: true,
  },
});

const body = objectOf<LockedBody>("a locked package", {
  version: { schema: version, description: "The version that was chosen.", required: true },
  digest: { schema: digest, description: "Of its manifest or index.", required: true },
  publishedAt: {
    schema: text("a time", {
      pattern: "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?Z",
      patternHint: "RFC 3339, UTC.",
    }),
    description: "When it was published.",
  },
  variants: { schema: listOf(variant, { minItems: 1, maxItems: 64 }), description: "Its platforms.", required: true },
  dependencies: { schema: requirements, description: "What it needs.", default: {} },
  evidence: {
    schema: listOf(digest, { maxItems: maxEvidence }),
    description: "Signatures that were seen.",
    default: [],
  },
});

const key = checked(text("registry/namespace/name", { maxLength: 500 }), (value, node, faults) => {
  if (splitKey(value) !== undefined) return true;
  faults.add("manifest/invalid-value", node, `"${value}" is not registry/namespace/name`);
  return false;
});

const schema = objectOf<LockfileBody>("a lockfile", {
  lockfileVersion: { schema: oneOf(["1"]), description: "The version of this format.", required: true },
  requirements: { schema: requirements, description: "What it was made for.", required: true },
  packages: { schema: recordOf(key, body, { maxKeys: 100_000 }), description: "What was chosen.", required: true },
});

/** Programs write it: a package of several platforms takes about 2 kB. */
const maxLockfileLength = 64 * 1024 * 1024;

/** Reads a lockfile strictly. Throws `lock/invalid` with every fault and its line, or what `parseSource` throws. */
export function parseLockfile(file: SourceFile): Lockfile {
  const read = readAsWritten(file) ?? readWithPlaces(file);
  const packages = Object.entries(read.packages).flatMap(([written, locked]): LockedPackage[] => {
    const parts = splitKey(written);
    return parts === undefined ? [] : [{ ...parts, ...locked }];
  });
  return { lockfileVersion: "1", requirements: read.requirements, packages: sorted(packages) };
}

/** Undefined when anything is wrong. */
function readAsWritten(file: SourceFile): LockfileBody | undefined {
  const document = file.text.length > maxLockfileLength ? undefined : readJsonSource(file);
  const faults = new Faults();
  const read = document === undefined ? undefined : schema.parse(document, faults);
  return faults.diagnostics.length > 0 ? undefined : read;
}

function readWithPlaces(file: SourceFile): LockfileBody {
  const faults = new Faults();
  const [document] = parseSource(file, { maxLength: maxLockfileLength });
  const read = document === undefined ? undefined : schema.parse(document, faults);
  if (read === undefined || faults.diagnostics.length > 0) throw invalidLockfile(file, faults.diagnostics);
  return read;
}

/**
 * Its text: JSON with one value to a line and everything in order, so that the same resolution has the same bytes and
 * a change of one package changes its lines only. Inverse of `parseLockfile`.
 */
export function formatLockfile(lockfile: Lockfile): string {
  const packages = sorted(lockfile.packages).map(({ registry, name, ...locked }): [string, JsonValue] => [
    `${registry}/${name}`,
    body.format({ ...locked, dependencies: sortedRecord(locked.dependencies) }),
  ]);
  const document: JsonObject = {
    lockfileVersion: "1",
    requirements: requirements.format(sortedRecord(lockfile.requirements)),
    packages: Object.fromEntries(packages),
  };
  return `${stringifyJson(document, 2)}\n`;
}

/** The text of some needs, by which two are compared. */
export function formatNeeds(all: Needs): JsonValue {
  return requirements.format(sortedRecord(all));
}

/** What a list of dependencies needs, by name. */
export function toNeeds(dependencies: readonly (Need & { readonly name: string })[]): Needs {
  const byName = Map.groupBy(dependencies, ({ name }) => name);
  return Object.fromEntries([...byName].map(([name, entries]) => [name, entries.map(toNeed)]));
}

function toNeed({ version: wanted, alias, when }: Need): Need {
  return { version: wanted, ...(alias === undefined ? {} : { alias }), ...(when === undefined ? {} : { when }) };
}

function sorted(packages: readonly LockedPackage[]): readonly LockedPackage[] {
  const keyOf = ({ registry, name }: LockedPackage): string => `${registry}/${name}`;
  return packages.toSorted((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1));
}

function sortedRecord<T>(record: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(record).toSorted(([left], [right]) => (left < right ? -1 : 1)));
}

function splitKey(written: string): { readonly registry: string; readonly name: PackageName } | undefined {
  const parts = written.split("/");
  const registry = parts[0] ?? "";
  const name = parts.slice(1).join("/");
  return parts.length === 3 && isRegistryHost(registry) && isPackageName(name) ? { registry, name } : undefined;
}

/** Keys of a record are plain texts to it. */
function named(names: Schema<PackageName>): Schema<string> {
  return converted(
    names,
    names.typeName,
    String,
    (value) => value as PackageName,
    (value) => ({ message: value }),
  );
}

function invalidLockfile(file: SourceFile, diagnostics: readonly Diagnostic[]) {
  if (diagnostics.length > 0) return faultsError("lock/invalid", diagnostics);
  const empty = { code: "lock/invalid", severity: "error" as const, message: `${file.path} is empty` };
  return faultsError("lock/invalid", [empty]);
}
