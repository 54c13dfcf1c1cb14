import type { ByteSource, Digest } from "@cpm/base";
import { isCpmError } from "@cpm/base";
import type { LockedPackage, PackageName } from "@cpm/model";
import { versionToTag } from "@cpm/model";
import type { Descriptor, ReadOptions, StoreReader } from "@cpm/oci";
import { compareByteOrder, mediaTypes, parseManifestBytes, referrerDescriptor, selectReferrers } from "@cpm/oci";
import { readManifestBytes, verifiedBytes } from "@cpm/store";
import { operationError } from "../errors.ts";
import type { NeededContent } from "./bundle-document.ts";
import { findBundles } from "./find-bundles.ts";
import { openBundle } from "./open-bundle.ts";
import type { Bundle } from "./open-bundle.ts";

/**
 * Opens the bundles that paths stand for, as one. Throws `bundle/needs-base` when a thin one lacks what it is thin by,
 * `bundle/conflict`, and what finding and opening throw.
 */
export async function openBundles(paths: readonly string[]): Promise<BundleSet> {
  const files = (await Promise.all(paths.map(findBundles))).flat();
  const opened = await Promise.all(files.map(openBundle));
  const bundles = [...new Map(opened.map((bundle) => [bundle.id, bundle])).values()];
  const set = new BundleSet(bundles);
  checkNeeds(set);
  return set;
}

/** Several bundles that hold together what one of them alone may not. */
export class BundleSet {
  readonly bundles: readonly Bundle[];
  /** Of all lockfiles, each version once, in the order of the lockfiles. */
  readonly packages: readonly LockedPackage[];

  constructor(bundles: readonly Bundle[]) {
    this.bundles = bundles;
    this.packages = mergePackages(bundles);
  }

  /** `host[:port]` of all packages. */
  get registries(): readonly string[] {
    return [...new Set(this.packages.map((entry) => entry.registry))].sort();
  }

  /** One of the bundles by itself, to read what is really in it. */
  alone(bundle: Bundle): BundleSet {
    return new BundleSet([bundle]);
  }

  sizeOf(digest: Digest): number | undefined {
    for (const { layout } of this.bundles) {
      const sizeBytes = layout.sizeOf(digest);
      if (sizeBytes !== undefined) return sizeBytes;
    }
    return undefined;
  }

  /** Read as a whole it is checked, and `bundle/damaged` names the file and both digests; a part of it is not. */
  async *read(content: Descriptor, options: ReadOptions = {}): ByteSource {
    const bundle = this.bundles.find(({ layout }) => layout.sizeOf(content.digest) !== undefined);
    if (bundle === undefined) throw notHere(this, content.digest);
    const source = bundle.layout.read(content, options);
    if ((options.offsetBytes ?? 0) > 0 || options.lengthBytes !== undefined) yield* source;
    else yield* checkedBytes(source, content, bundle);
  }

  /** The packages of one name, as a repository of its registry. */
  repository(registry: string, name: PackageName): StoreReader {
    const packages = this.packages.filter((entry) => entry.registry === registry && entry.name === name);
    return new BundleRepository(this, packages);
  }
}

class BundleRepository implements StoreReader {
  readonly #set: BundleSet;
  readonly #packages: readonly LockedPackage[];

  constructor(set: BundleSet, packages: readonly LockedPackage[]) {
    this.#set = set;
    this.#packages = packages;
  }

  async stat(digest: Digest): Promise<{ sizeBytes: number } | undefined> {
    const sizeBytes = this.#set.sizeOf(digest);
    return sizeBytes === undefined ? undefined : { sizeBytes };
  }

  read(content: Descriptor, options?: ReadOptions): ByteSource {
    return this.#set.read(content, options);
  }

  async resolve(tag: string): Promise<Descriptor | undefined> {
    const found = this.#packages.find((entry) => versionToTag(entry.version) === tag);
    return found === undefined ? undefined : (await this.#describe(found.digest)).descriptor;
  }

  async tags(): Promise<readonly string[]> {
    return this.#packages.map((entry) => versionToTag(entry.version)).sort(compareByteOrder);
  }

  async referrers(subject: Digest, artifactType?: string): Promise<readonly Descriptor[]> {
    const named = this.#packages.find((entry) => entry.digest === subject)?.evidence ?? [];
    const found = await Promise.all(named.map((digest) => this.#describe(digest)));
    return selectReferrers(
      found.map(({ referrer }) => referrer),
      artifactType,
    );
  }

  /** The digest alone does not tell the media type; the document does. */
  async #describe(digest: Digest): Promise<{ readonly descriptor: Descriptor; readonly referrer: Descriptor }> {
    const sizeBytes = this.#set.sizeOf(digest);
    if (sizeBytes === undefined) throw notHere(this.#set, digest);
    const any = { mediaType: mediaTypes.manifest, digest, sizeBytes };
    const document = parseManifestBytes(await readManifestBytes(this.#set, any));
    const descriptor = { ...any, mediaType: document.mediaType };
    return { descriptor, referrer: referrerDescriptor(document, digest, sizeBytes) };
  }
}

/** A bundle that was opened names what it lacks, so this one was made or changed by somebody else. */
function notHere({ bundles }: BundleSet, digest: Digest) {
  const paths = bundles.map(({ path }) => path).join(", ");
  return operationError("bundle/incomplete", `${paths} should hold ${digest} and does not`, { context: { digest } });
}

async function* checkedBytes(source: ByteSource, content: Descriptor, { layout, path }: Bundle): ByteSource {
  try {
    yield* verifiedBytes(source, content);
  } catch (error) {
    const wrong = ["store/digest-mismatch", "store/too-long", "store/too-short"];
    if (!wrong.some((code) => isCpmError(error, code)) || !isCpmError(error)) throw error;
    const files = layout.filesOf(content.digest);
    throw operationError("bundle/damaged", `${files.length === 0 ? path : files.join(", ")}: ${error.message}`, {
      cause: error,
      context: { files, digest: content.digest, ...error.context },
    });
  }
}

function mergePackages(bundles: readonly Bundle[]): readonly LockedPackage[] {
  const merged = new Map<string, { readonly entry: LockedPackage; readonly path: string }>();
  for (const { lock, path } of bundles) {
    for (const entry of lock.packages) {
      const key = `${entry.registry}/${entry.name}@${entry.version.text}`;
      const known = merged.get(key);
      if (known !== undefined && known.entry.digest !== entry.digest) {
        throw operationError(
          "bundle/conflict",
          `${key} is ${known.entry.digest} in ${known.path}, and ${entry.digest} in ${path}`,
          { context: { expected: known.entry.digest, actual: entry.digest } },
        );
      }
      const evidence = [...new Set([...(known?.entry.evidence ?? []), ...entry.evidence])].sort();
      merged.set(key, { entry: { ...entry, evidence }, path: known?.path ?? path });
    }
  }
  return [...merged.values()].map(({ entry }) => entry);
}

/** A thin bundle is content with whatever holds what it lacks. */
function checkNeeds(set: BundleSet): void {
  for (const { path, document } of set.bundles) {
    for (const { bundle, contents } of document.needs) {
      const lacking = contents.filter((entry: NeededContent) => set.sizeOf(entry.digest) !== entry.sizeBytes);
      if (lacking.length === 0) continue;
      const counted = `${lacking.length} content${lacking.length === 1 ? "" : "s"}`;
      throw operationError("bundle/needs-base", `${path} needs ${counted} of the bundle ${bundle}`, {
        context: { bundle, contents: lacking.slice(0, 10).map((entry) => entry.digest) },
      });
    }
  }
}
