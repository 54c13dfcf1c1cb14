import type { Digest } from "@cpm/base";
import { canonicalJson, collectBytes } from "@cpm/base";
import type { LockedPackage, LockedVariant, Lockfile, Manifest, PackageName, Version } from "@cpm/model";
import { formatNeeds, maxEvidence, packageMediaTypes, parsePackageConfig, toNeeds } from "@cpm/model";
import type { Descriptor, OciManifest, StoreReader } from "@cpm/oci";
import { parseManifestBytes } from "@cpm/oci";
import { readManifestBytes, verifiedBytes } from "@cpm/store";
import { operationError } from "../errors.ts";
import type { PackageAccess } from "../package/locate-package.ts";
import { describeDigest } from "../package/describe-digest.ts";
import { checkInstances } from "../release/check-instances.ts";
import type { Resolution, ResolvedPackage } from "./resolve-packages.ts";

const maxConfigBytes = 1024 * 1024;

/** What of the lockfile that was there before stays as it is. */
export interface LockedBefore {
  readonly lock?: Lockfile | undefined;
  /** Packages of which everything is asked anew. */
  readonly update?: ReadonlySet<string> | "all" | undefined;
}

/**
 * Turns a resolution into a lockfile: reads manifest and config of every platform of every package, no layer, and asks
 * which signatures there are. Of a package that stays as it was locked, the evidence stays too: a signature that is added
 * later changes no lockfile until `update` names its package.
 */
export async function lockResolution(
  manifest: Manifest,
  resolution: Resolution,
  access: PackageAccess,
  before: LockedBefore = {},
): Promise<Lockfile> {
  const { registry } = resolution;
  const read = await Promise.all(resolution.packages.map((entry) => lockPackage(entry, registry, access, before)));
  checkInstances([{ manifest }, ...read]);
  return {
    lockfileVersion: "1",
    requirements: requirementsOf(manifest),
    packages: read.map(({ locked }) => locked),
  };
}

/** What a lockfile is made for: when it differs from this, it is out of date. */
function requirementsOf(manifest: Manifest): Lockfile["requirements"] {
  return toNeeds(manifest.dependencies);
}

export function isCurrent(lock: Lockfile, manifest: Manifest): boolean {
  return canonicalJson(formatNeeds(lock.requirements)) === canonicalJson(formatNeeds(requirementsOf(manifest)));
}

/** Throws `lock/digest-mismatch` when a registry has other bytes under a locked version than it had when it was locked. */
export function checkLockedDigest(
  lock: Lockfile,
  found: { readonly registry: string; readonly name: PackageName; readonly version: Version; readonly digest: Digest },
): void {
  const { registry, name, version, digest } = found;
  const locked = lock.packages.find((entry) => entry.name === name && entry.registry === registry);
  if (locked === undefined || locked.version.text !== version.text || locked.digest === digest) return;
  throw operationError(
    "lock/digest-mismatch",
    `${name}@${version.text} is ${digest} at ${registry}, and ${locked.digest} in the lockfile`,
    { context: { expected: locked.digest, actual: digest } },
  );
}

interface ReadPackage {
  readonly locked: LockedPackage;
  readonly manifest: Manifest;
}

async function lockPackage(
  entry: ResolvedPackage,
  registry: string,
  access: PackageAccess,
  before: LockedBefore,
): Promise<ReadPackage> {
  const { name, version, digest, publishedAtMs, dependencies } = entry;
  const source = access.reader(registry, name);
  const [root, evidence] = await Promise.all([
    describeDigest(name, digest, source, registry, access.signal),
    keptEvidence(entry, registry, before) ?? seenEvidence(entry, registry, access),
  ]);
  const { variants, manifest } = await readVariants(source, root, access);
  const locked = {
    registry,
    name,
    version,
    digest,
    ...(publishedAtMs === undefined ? {} : { publishedAt: new Date(publishedAtMs).toISOString() }),
    variants,
    dependencies: toNeeds(dependencies.map(({ range, ...needed }) => ({ ...needed, version: range }))),
    evidence,
  };
  return { locked, manifest };
}

function keptEvidence(
  { name, digest }: ResolvedPackage,
  registry: string,
  { lock, update }: LockedBefore,
): readonly Digest[] | undefined {
  if (update === "all" || update?.has(name) === true) return undefined;
  const locked = lock?.packages.find((entry) => entry.name === name && entry.registry === registry);
  return locked?.digest === digest ? locked.evidence : undefined;
}

async function seenEvidence(
  { name, digest }: ResolvedPackage,
  registry: string,
  access: PackageAccess,
): Promise<readonly Digest[]> {
  const evidence = await access.metadata.evidence(registry, name, digest);
  // A lockfile names content by sha256 only.
  const named = evidence.filter((entry) => entry.startsWith("sha256:"));
  if (named.length <= maxEvidence) return named;
  throw operationError(
    "lock/too-much-evidence",
    `${name}@${digest} has ${named.length} signatures at ${registry}, and ${maxEvidence} are taken`,
  );
}

/** Every platform tells the same manifest. */
async function readVariants(
  source: StoreReader,
  root: Descriptor,
  access: PackageAccess,
): Promise<{ readonly variants: readonly LockedVariant[]; readonly manifest: Manifest }> {
  const read = async (descriptor: Descriptor) =>
    parseManifestBytes(await readManifestBytes(source, descriptor, access.signal), descriptor.mediaType);
  const document = await read(root);
  const children =
    document.kind === "manifest"
      ? [readVariant(source, document, root, undefined, access)]
      : document.manifests.map(async (child) => {
          const manifest = await read(child);
          if (manifest.kind !== "manifest")
            throw operationError("package/not-a-package", `${child.digest} is an index within an index`);
          const platform = `${child.platform?.os}/${child.platform?.architecture}`;
          return readVariant(source, manifest, child, platform, access);
        });
  const found = await Promise.all(children);
  const [first] = found;
  if (first === undefined) throw operationError("package/not-a-package", `${root.digest} has no variant`);
  return { variants: found.map(({ variant }) => variant), manifest: first.manifest };
}

async function readVariant(
  source: StoreReader,
  document: OciManifest,
  { digest }: Descriptor,
  platform: string | undefined,
  { signal }: PackageAccess,
): Promise<{ readonly variant: LockedVariant; readonly manifest: Manifest }> {
  const { config, layers } = document;
  if (config.mediaType !== packageMediaTypes.config)
    throw operationError("package/not-a-package", `${digest} is no package: it is ${config.mediaType}`);
  const { tree, manifest } = parsePackageConfig(
    await collectBytes(verifiedBytes(source.read(config, { signal }), config), maxConfigBytes),
  );
  const variant = {
    ...(platform === undefined ? {} : { platform }),
    digest,
    tree,
    layers: layers.map((layer) => ({ digest: layer.digest, sizeBytes: layer.sizeBytes })),
  };
  return { variant, manifest };
}
