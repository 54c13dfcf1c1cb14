import type { CancelSignal, Digest, JsonObject } from "@cpm/base";
import { collectBytes } from "@cpm/base";
import type { LockedPackage, LockedVariant, PackageConfig } from "@cpm/model";
import { formatManifest, resolverFacts, packageMediaTypes, parsePackageConfig } from "@cpm/model";
import type { Descriptor, OciManifest, StoreReader } from "@cpm/oci";
import { descriptorsOf, mediaTypes, parseManifestBytes } from "@cpm/oci";
import { readManifestBytes, verifiedBytes } from "@cpm/store";
import { operationError } from "../errors.ts";
import { describeDigest } from "../package/describe-digest.ts";

/** Everything that belongs to one locked package, found by its manifests and configs; no layer was read. */
export interface PackageGraph {
  readonly locked: LockedPackage;
  readonly root: Descriptor;
  /** The signatures and attestations that the lockfile names. */
  readonly evidence: readonly Descriptor[];
  /** Each once: manifests, configs, layers, and those of the evidence. */
  readonly contents: ReadonlyMap<Digest, Descriptor>;
  /** What a registry would list of the package if this were its only version. */
  readonly listing: JsonObject;
}

export interface GraphOptions {
  /** Only these of a package of several; undefined for all. */
  readonly platforms?: readonly string[] | undefined;
  readonly signal?: CancelSignal | undefined;
}

const maxConfigBytes = 1024 * 1024;

/**
 * Reads what a locked package consists of and holds it against the lockfile. Throws `bundle/disagrees` where they tell
 * different things, `bundle/evidence-missing`, `package/no-platform`, and what finding and reading throw.
 */
export async function readPackageGraph(
  locked: LockedPackage,
  source: StoreReader,
  options: GraphOptions,
): Promise<PackageGraph> {
  const { name, digest, registry } = locked;
  const { signal } = options;
  const root = await describeDigest(name, digest, source, registry, signal);
  const contents = new Map<Digest, Descriptor>([[root.digest, root]]);
  const variants = await readVariants(locked, root, source, options);
  for (const { descriptor, manifest } of variants)
    for (const entry of [descriptor, ...descriptorsOf(manifest)]) contents.set(entry.digest, entry);
  const [first] = variants;
  if (first === undefined) throw new TypeError("a package has a variant");
  const evidence = await Promise.all(locked.evidence.map((entry) => readEvidence(locked, entry, source, signal)));
  for (const { descriptor, needed } of evidence)
    for (const entry of [descriptor, ...needed]) contents.set(entry.digest, entry);
  const listing = listingOf(locked, first.config);
  return { locked, root, evidence: evidence.map(({ descriptor }) => descriptor), contents, listing };
}

interface Variant {
  readonly descriptor: Descriptor;
  readonly manifest: OciManifest;
  readonly config: PackageConfig;
}

async function readVariants(
  locked: LockedPackage,
  root: Descriptor,
  source: StoreReader,
  { platforms, signal }: GraphOptions,
): Promise<readonly Variant[]> {
  const top = parseManifestBytes(await readManifestBytes(source, root, signal), root.mediaType);
  if (top.kind === "manifest") return [await readVariant(locked, locked.variants[0], root, top, source, signal)];
  if (top.manifests.length !== locked.variants.length) throw disagrees(locked, "they list other platforms");
  const chosen = top.manifests.filter(
    ({ platform }) => platforms === undefined || platforms.includes(`${platform?.os}/${platform?.architecture}`),
  );
  if (chosen.length === 0) {
    throw operationError("package/no-platform", `${locked.name} has nothing for ${platforms?.join(", ")}`, {
      hint: `It has ${locked.variants.map(({ platform }) => platform ?? "").join(", ")}.`,
    });
  }
  return Promise.all(
    chosen.map(async (child) => {
      const manifest = parseManifestBytes(await readManifestBytes(source, child, signal), child.mediaType);
      if (manifest.kind === "index") throw disagrees(locked, `${child.digest} is an index within an index`);
      const variant = locked.variants.find((entry) => entry.digest === child.digest);
      return readVariant(locked, variant, child, manifest, source, signal);
    }),
  );
}

async function readVariant(
  locked: LockedPackage,
  variant: LockedVariant | undefined,
  descriptor: Descriptor,
  manifest: OciManifest,
  source: StoreReader,
  signal: CancelSignal | undefined,
): Promise<Variant> {
  if (variant?.digest !== descriptor.digest) throw disagrees(locked, `the lockfile does not name ${descriptor.digest}`);
  if (manifest.config.mediaType !== packageMediaTypes.config)
    throw disagrees(locked, `${descriptor.digest} is no package: it is ${manifest.config.mediaType}`);
  const bytes = source.read(manifest.config, { signal });
  const config = parsePackageConfig(await collectBytes(verifiedBytes(bytes, manifest.config), maxConfigBytes));
  const { name, version } = config.manifest;
  if (name !== locked.name || version.text !== locked.version.text)
    throw disagrees(locked, `${descriptor.digest} is ${name}@${version.text}`);
  const same =
    config.tree === variant.tree &&
    manifest.layers.length === variant.layers.length &&
    manifest.layers.every(({ digest, sizeBytes }, index) => {
      const layer = variant.layers[index];
      return layer?.digest === digest && layer.sizeBytes === sizeBytes;
    });
  if (!same) throw disagrees(locked, `${descriptor.digest} has other layers than the lockfile names`);
  return { descriptor, manifest, config };
}

async function readEvidence(
  locked: LockedPackage,
  digest: Digest,
  source: StoreReader,
  signal: CancelSignal | undefined,
): Promise<{ readonly descriptor: Descriptor; readonly needed: readonly Descriptor[] }> {
  const { name, registry, version } = locked;
  const found = await source.stat(digest, { signal });
  if (found === undefined) {
    const message = `the signature ${digest} of ${name}@${version.text} is not at ${registry} any more`;
    throw operationError("bundle/evidence-missing", message, { context: { digest, registry } });
  }
  const descriptor = { mediaType: mediaTypes.manifest, digest, sizeBytes: found.sizeBytes };
  const manifest = parseManifestBytes(await readManifestBytes(source, descriptor, signal));
  if (manifest.subject?.digest !== locked.digest)
    throw disagrees(locked, `the signature ${digest} is of ${manifest.subject?.digest ?? "nothing"}`);
  return { descriptor: { ...descriptor, mediaType: manifest.mediaType }, needed: descriptorsOf(manifest) };
}

/** The same for the same lockfile, whatever the registry lists meanwhile. */
function listingOf(locked: LockedPackage, { manifest }: PackageConfig): JsonObject {
  const { version, digest, publishedAt } = locked;
  const entry = {
    version: version.text,
    digest,
    ...(publishedAt === undefined ? {} : { publishedAt }),
    ...resolverFacts(formatManifest(manifest)),
  };
  return { name: locked.name, versions: [entry] };
}

function disagrees({ name, version, digest }: LockedPackage, why: string) {
  return operationError("bundle/disagrees", `${name}@${version.text} (${digest}): ${why}`, { context: { digest } });
}
