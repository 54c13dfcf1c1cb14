import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { CancelSignal, Clock } from "@cpm/base";
import type { PackageName, PackageReference, Version } from "@cpm/model";
import {
  compareVersions,
  formatReference,
  maxSatisfying,
  parseReference,
  tagToVersion,
  versionToTag,
} from "@cpm/model";
import type { Descriptor, StoreReader } from "@cpm/oci";
import type { RegistryClient } from "@cpm/registry-client";
import { openLayoutFile } from "@cpm/store";
import { operationError } from "../errors.ts";
import type { ReportProgress } from "../progress.ts";
import type { PackageListings } from "../resolution/package-metadata.ts";
import { describeDigest } from "./describe-digest.ts";
import { readPackageDirectory } from "./lint-package.ts";
import { packPackage } from "./pack-package.ts";
import { isPackageDirectory } from "./package-directory.ts";
import type { PackageVariant } from "./read-package.ts";
import { readPackage } from "./read-package.ts";

/** What a person named: files here, or a package of a registry. */
export type PackageSource =
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "reference"; readonly reference: PackageReference };

/** Where packages come from; what the command line knows and operations need. */
export interface PackageAccess {
  /** The registry of references that name none, as `host[:port]`; undefined where none is configured. */
  readonly defaultRegistry?: string | undefined;
  /** The packages of a registry, to read from. */
  reader(host: string, name: PackageName): StoreReader;
  /** A registry to publish to. */
  registry(host: string): Pick<RegistryClient, "repository">;
  readonly metadata: PackageListings;
  readonly clock: Clock;
  /** A directory that is removed when the command ends, for packages that are packed on the way. */
  scratch(): string;
  readonly report?: ReportProgress;
  readonly signal?: CancelSignal | undefined;
}

/** A package's artifact, found but not read. */
export interface LocatedPackage {
  readonly source: StoreReader;
  readonly root: Descriptor;
  /** `host[:port]`; absent for files here. */
  readonly registry?: string;
  /** What was asked for by name; the artifact must say the same of itself. */
  readonly reference?: PackageReference;
  /** The version whose tag was followed; absent for a digest and for files. */
  readonly version?: Version;
}

/**
 * Reads what a person wrote in place of a package: what begins with `.` or `/` or ends in `.cpm` is a path,
 * everything else a reference. A name therefore never becomes a directory that happens to lie about.
 */
export function parsePackageSource(text: string): PackageSource {
  if (/^(?:[./\\]|[A-Za-z]:[\\/])|\.cpm$/.test(text)) return { kind: "path", path: text };
  return { kind: "reference", reference: parseReference(text) };
}

/** Finds the artifact: a directory is checked and packed, a file opened, a reference resolved at its registry. */
export async function locatePackage(source: PackageSource, access: PackageAccess): Promise<LocatedPackage> {
  if (source.kind === "reference") return resolveReference(source.reference, access);
  const { path } = source;
  if (!existsSync(path)) throw operationError("package/not-found", `there is nothing at ${path}`);
  if (statSync(path).isDirectory()) {
    const { directory } = readPackageDirectory(path);
    const packed = await packPackage(directory, join(access.scratch(), "layout"), access);
    return { source: packed.store, root: packed.root };
  }
  return openPackedFile(path);
}

/**
 * Reads what was located. A registry that answers a name with another package's artifact is refused with
 * `package/not-a-package`.
 */
export async function readLocatedPackage(
  { source, root, reference, version: tagged }: LocatedPackage,
  platform: string | undefined,
  signal?: CancelSignal,
): Promise<PackageVariant> {
  const variant = await readPackage(source, root, platform, signal);
  const { name, version } = variant.manifest;
  const wanted = tagged ?? version;
  if (reference !== undefined && (name !== reference.name || version.text !== wanted.text)) {
    const asked = formatReference(reference);
    throw operationError("package/not-a-package", `${asked} is answered with ${name}@${version.text}`);
  }
  return variant;
}

async function openPackedFile(path: string): Promise<LocatedPackage> {
  const source = await openLayoutFile(path);
  const tags = await source.tags();
  const [tag] = tags;
  const root = tag === undefined || tags.length > 1 ? undefined : await source.resolve(tag);
  if (root === undefined)
    throw operationError("package/not-a-package", `${path} holds ${tags.length} packages, not one`);
  return { source, root };
}

/** The registry of a reference; throws `package/no-registry` where it names none and none is configured. */
export function registryOf(reference: PackageReference, access: PackageAccess): string {
  const host = reference.registry ?? access.defaultRegistry;
  if (host === undefined) throw noRegistry(reference);
  return host;
}

async function resolveReference(reference: PackageReference, access: PackageAccess): Promise<LocatedPackage> {
  const host = registryOf(reference, access);
  const source = access.reader(host, reference.name);
  const found = await resolveSelector(reference, source, host, access);
  return { source, ...found, registry: host, reference };
}

async function resolveSelector(
  reference: PackageReference,
  source: StoreReader,
  host: string,
  access: PackageAccess,
): Promise<{ readonly root: Descriptor; readonly version?: Version }> {
  const { selector } = reference;
  const { signal } = access;
  if (selector.kind === "digest")
    return { root: await describeDigest(reference.name, selector.digest, source, host, signal) };
  const version =
    selector.kind === "version"
      ? selector.version
      : chooseVersion(reference, await usableVersions(reference, source, host, access), host);
  const root = await source.resolve(versionToTag(version), { signal });
  if (root !== undefined) return { root, version };
  const hint = (await listVersions(source, signal)).length === 0 ? localHint(reference) : undefined;
  throw operationError("package/not-found", `${host} has no ${reference.name}@${version.text}`, { hint });
}

async function listVersions(source: StoreReader, signal: CancelSignal | undefined): Promise<readonly Version[]> {
  return (await source.tags({ signal })).map(tagToVersion).filter((version) => version !== undefined);
}

/** Yanked ones are there for who names them, and where there are no others. */
async function usableVersions(
  { name }: PackageReference,
  source: StoreReader,
  host: string,
  { metadata, signal }: PackageAccess,
): Promise<readonly Version[]> {
  const [versions, listed] = await Promise.all([listVersions(source, signal), metadata.versions(host, name)]);
  const yanked = new Set(listed?.filter((entry) => entry.yanked).map(({ version }) => version.text));
  const usable = versions.filter(({ text }) => !yanked.has(text));
  return usable.length === 0 ? versions : usable;
}

function chooseVersion(reference: PackageReference, versions: readonly Version[], host: string): Version {
  const { selector, name } = reference;
  if (versions.length === 0) {
    throw operationError("package/not-found", `${host} has no package ${name}`, { hint: localHint(reference) });
  }
  const newest = versions.toSorted(compareVersions);
  const chosen =
    selector.kind === "range"
      ? maxSatisfying(versions, selector.range)
      : (newest.findLast((version) => version.prerelease.length === 0) ?? newest.at(-1));
  if (chosen !== undefined) return chosen;
  const known = newest.slice(-5).map((version) => version.text);
  throw operationError("package/no-version", `no version of ${formatReference(reference)} at ${host}`, {
    hint: `The newest are ${known.join(", ")}.`,
  });
}

function noRegistry(reference: PackageReference) {
  return operationError("package/no-registry", `no registry is configured to find ${reference.name} in`, {
    hint: localHint(reference),
  });
}

/** `examples/hello` is a name; whoever means the directory is told how to say so. */
function localHint(reference: PackageReference): string | undefined {
  return isPackageDirectory(reference.name) ? `For the directory here write ./${reference.name}.` : undefined;
}
