import type { Diagnostic, Digest, JsonObject, JsonValue } from "@cpm/base";
import { stringifyJson } from "@cpm/base";
import { faultsError } from "./errors.ts";
import { Faults } from "./faults.ts";
import { packageName, range, version } from "./manifest.ts";
import { count, digest } from "./package-config.ts";
import { isPackageName } from "./package-name.ts";
import type { PackageName } from "./package-name.ts";
import type { Range } from "./range.ts";
import { isRegistryHost } from "./reference.ts";
import { listOf, objectOf, recordOf } from "./schema/collections.ts";
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
  /** The dependencies of colony.yaml that it was made for; when they differ, it is out of date. */
  readonly requirements: Readonly<Record<string, Range>>;
  /** By registry and name. */
  readonly packages: readonly LockedPackage[];
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
  readonly dependencies: Readonly<Record<string, Range>>;
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
  readonly requirements: Readonly<Record<string, Range>>;
  readonly packages: Readonly<Record<string, LockedBody>>;
}

const requirements = recordOf(named(packageName), range, { maxKeys: 10_000 });

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

/** Reads a lockfile strictly. Throws `lock/invalid` with every fault and its line, or what `parseSource` throws. */
export function parseLockfile(file: SourceFile): Lockfile {
  const faults = new Faults();
  const [document] = parseSource(file);
  const read = document === undefined ? undefined : schema.parse(document, faults);
  if (read === undefined || faults.diagnostics.length > 0) throw invalidLockfile(file, faults.diagnostics);
  const packages = Object.entries(read.packages).flatMap(([written, locked]): LockedPackage[] => {
    const parts = splitKey(written);
    return parts === undefined ? [] : [{ ...parts, ...locked }];
  });
  return { lockfileVersion: "1", requirements: read.requirements, packages: sorted(packages) };
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
