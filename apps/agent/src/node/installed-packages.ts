import { lstatSync, readdirSync, readFileSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { parseTreeListing } from "@cpm/archive";
import type { Digest } from "@cpm/base";
import { createDigest, digestHex, equalBytes, isCpmError } from "@cpm/base";
import { compareVersions, isPackageName, readVersion, satisfies } from "@cpm/model/names";
import type { PackageName, Version } from "@cpm/model/names";
import type { NodeStore } from "@cpm/store";
import { agentError } from "../errors.ts";
import type { LeaseBook } from "./lease-book.ts";
import { PackageRecords } from "./package-records.ts";
import type { PackageRequest } from "./package-request.ts";

/** A version that a ref points to, and whose tree is here. */
export interface InstalledRef {
  readonly name: PackageName;
  readonly version: Version;
  readonly tree: Digest;
}

/** The same with what there is to tell about it. */
export interface Installed extends InstalledRef {
  /** Undefined where the program that put it here did not say. */
  readonly manifest: Digest | undefined;
  readonly path: string;
  readonly sizeBytes: number;
  readonly installedAtMs: number;
  readonly lastUsedAtMs: number;
  readonly pinned: boolean;
  /** Releases of a colony that need it. */
  readonly holders: readonly string[];
  readonly leases: number;
}

/** The directory that a ref points to, of which only the end is fixed. */
const treePath = /[/\\]trees[/\\]sha256[/\\]([0-9a-f]{64})[/\\]root$/;

/** Of one version. */
const maxHolders = 1000;

/** How often the use of a tree is written down. */
const touchIntervalMs = 60_000;

/** What is on the node. The directory is the truth and is read anew for every question: other programs write it too. */
export class InstalledPackages {
  readonly records: PackageRecords;
  readonly #node: NodeStore;
  readonly #leases: LeaseBook;
  readonly #now: () => number;
  readonly #touchedAtMs = new Map<Digest, number>();
  /** Sizes of trees without a record, which never change. */
  readonly #sizes = new Map<Digest, number>();

  constructor(node: NodeStore, leases: LeaseBook, now: () => number) {
    this.records = new PackageRecords(node.root);
    this.#node = node;
    this.#leases = leases;
    this.#now = now;
  }

  /** In byte order of names and versions; of one namespace where it is given. */
  list(namespace = ""): readonly InstalledRef[] {
    const namespaces = namespace === "" ? this.#entries("refs") : [namespace];
    return namespaces.flatMap((first) =>
      this.#entries("refs", first).flatMap((base) => {
        const name = `${first}/${base}`;
        return isPackageName(name) ? this.versionsOf(name) : [];
      }),
    );
  }

  /** In byte order of the versions. */
  versionsOf(name: PackageName): readonly InstalledRef[] {
    return this.#entries("refs", name).flatMap((text) => this.ref(name, text) ?? []);
  }

  /** Undefined when there is no such ref, or its tree is not here. */
  ref(name: PackageName, text: string): InstalledRef | undefined {
    const version = readVersion(text);
    const hex = version === undefined ? undefined : treePath.exec(this.#node.resolveRef(name, text) ?? "")?.[1];
    if (version === undefined || hex === undefined) return undefined;
    const tree = createDigest("sha256", hex);
    return this.#node.holds(tree) ? { name, version, tree } : undefined;
  }

  /** What a request stands for on this node: the newest version that fits. */
  find({ name, selector }: PackageRequest): InstalledRef | undefined {
    // An exact version costs the same however many versions are here.
    if (name !== undefined && selector.kind === "version") return this.ref(name, selector.version.text);
    const candidates = name === undefined ? this.list() : this.versionsOf(name);
    const fitting = candidates.filter(({ name: of, version, tree }) => {
      if (selector.kind === "tree") return tree === selector.digest;
      if (selector.kind === "manifest")
        return this.#recordOf({ name: of, version, tree })?.manifest === selector.digest;
      if (selector.kind === "version") return version.text === selector.version.text;
      return selector.kind === "range" ? satisfies(version, selector.range) : version.prerelease.length === 0;
    });
    return fitting.toSorted((left, right) => compareVersions(left.version, right.version)).at(-1);
  }

  describe(ref: InstalledRef): Installed {
    const record = this.#recordOf(ref);
    const { name, version, tree } = ref;
    return {
      ...ref,
      manifest: record?.manifest,
      path: this.#node.treePath(tree),
      sizeBytes: record?.sizeBytes ?? this.sizeOf(tree),
      installedAtMs: record?.installedAtMs ?? lstatSync(join(this.#node.root, "refs", name, version.text)).mtimeMs,
      lastUsedAtMs: statSync(this.#lockPath(tree), { throwIfNoEntry: false })?.mtimeMs ?? 0,
      pinned: record?.pinned === true,
      holders: record?.holders ?? [],
      leases: this.#leases.holdersOf(tree),
    };
  }

  /** Of the files of a tree, by its listing; 0 where that is damaged, which keeps nobody from removing the tree. */
  sizeOf(tree: Digest): number {
    const known = this.#sizes.get(tree);
    if (known !== undefined) return known;
    const sizeBytes = listedBytes(join(this.#node.treeFolder(tree), "tree.json"));
    if (sizeBytes !== undefined) this.#sizes.set(tree, sizeBytes);
    return sizeBytes ?? 0;
  }

  /** Keeps a version from collection: pinned, or for a release. */
  keep(
    { name, version }: InstalledRef,
    { pin, holder }: { readonly pin: boolean; readonly holder?: string | undefined },
  ): void {
    const record = this.records.read(name, version.text);
    if (record === undefined) return;
    const pinned = record.pinned || pin;
    const holders = holder === undefined ? record.holders : [...new Set([...record.holders, holder])].toSorted();
    if (holders.length > maxHolders)
      throw agentError("agent/lease-limit", `${name}@${version.text} is kept for ${maxHolders} releases already`);
    if (pinned !== record.pinned || holders.length !== record.holders.length)
      this.records.write(name, version.text, { ...record, pinned, holders });
  }

  /** The signature bundles that are kept beside a version, of the manifest that it is from. */
  signaturesOf(ref: InstalledRef): readonly Uint8Array[] {
    return this.#recordOf(ref)?.signatures ?? [];
  }

  /** Keeps signatures beside a version, in place of those that were. */
  keepSignatures(ref: InstalledRef, signatures: readonly Uint8Array[]): void {
    const record = this.#recordOf(ref);
    if (record === undefined) return;
    const { signatures: kept = [] } = record;
    const same =
      kept.length === signatures.length && kept.every((bundle, at) => equalBytes(bundle, signatures[at] ?? bundle));
    if (!same) this.records.write(ref.name, ref.version.text, { ...record, signatures });
  }

  /** Ends what `keep` did for a release; how many versions it had kept. */
  releaseHolder(holder: string): number {
    let count = 0;
    for (const { name, version } of this.list()) {
      const record = this.records.read(name, version.text);
      if (record?.holders.includes(holder) !== true) continue;
      const holders = record.holders.filter((other) => other !== holder);
      this.records.write(name, version.text, { ...record, holders });
      count++;
    }
    return count;
  }

  /** Writes down that a tree is wanted: what was wanted lately is collected last. */
  touch(tree: Digest): void {
    const now = this.#now();
    if (Math.abs(now - (this.#touchedAtMs.get(tree) ?? 0)) < touchIntervalMs) return;
    this.#touchedAtMs.set(tree, now);
    const path = this.#lockPath(tree);
    if (statSync(path, { throwIfNoEntry: false }) !== undefined) utimesSync(path, now / 1000, now / 1000);
  }

  /** A record of another tree is what an earlier ref of that version had. */
  #recordOf({ name, version, tree }: InstalledRef) {
    const record = this.records.read(name, version.text);
    return record?.tree === tree ? record : undefined;
  }

  #lockPath(tree: Digest): string {
    return join(this.#node.root, "locks", digestHex(tree));
  }

  #entries(...path: readonly string[]): readonly string[] {
    try {
      return readdirSync(join(this.#node.root, ...path)).toSorted();
    } catch (error) {
      if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) return [];
      throw error;
    }
  }
}

/** Undefined for a listing that cannot be read. */
function listedBytes(path: string): number | undefined {
  try {
    return parseTreeListing(readFileSync(path)).reduce((sum, entry) => sum + (entry.sizeBytes ?? 0), 0);
  } catch (error) {
    if (isCpmError(error) || (error instanceof Error && "code" in error)) return undefined;
    throw error;
  }
}
