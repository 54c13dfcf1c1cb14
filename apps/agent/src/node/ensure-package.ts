import type { Digest } from "@cpm/base";
import type { PackageContents } from "@cpm/operations/node";
import { failpoint } from "@cpm/store";
import type { NodeStore } from "@cpm/store";
import type { Vouched } from "@cpm/trust";
import { agentError } from "../errors.ts";
import type { EventLog } from "./event-log.ts";
import type { InstalledPackages, InstalledRef } from "./installed-packages.ts";
import type { Lease, LeaseBook, LeaseCaller, LeaseRequest } from "./lease-book.ts";
import type { NamespaceQuota } from "./namespace-quota.ts";
import { formatRequest } from "./package-request.ts";
import type { PackageRequest } from "./package-request.ts";
import type { FoundPackage, RegistrySource } from "./registry-source.ts";
import { SharedWork } from "./shared-work.ts";
import { bundlesToKeep } from "./signatures.ts";
import type { SignatureCheck } from "./signatures.ts";

export interface EnsureRequest {
  readonly wanted: PackageRequest;
  readonly expectedManifest?: Digest | undefined;
  readonly pin: boolean;
  /** A release of a colony that needs it from now on, until it is let go by `releaseHolder`. */
  readonly holder?: string | undefined;
  readonly lease?: LeaseRequest | undefined;
  /** Refused unless somebody vouches for it, whatever the policy says of its name. */
  readonly requireSignature?: boolean | undefined;
}

export interface EnsureProgress {
  readonly phase: "resolving" | "fetching" | "publishing";
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** Of an earlier attempt, and part of `doneBytes`. */
  readonly resumedBytes: number;
}

export interface Ensured {
  readonly ref: InstalledRef;
  readonly how: "present" | "joined" | "placed";
  readonly lease: Lease | undefined;
  /** Whether somebody whom the policy trusts vouches for it; false where nobody had to look. */
  readonly vouched: boolean;
}

interface Placed {
  readonly ref: InstalledRef;
  readonly present: boolean;
}

export interface EnsureParts {
  readonly node: NodeStore;
  readonly packages: InstalledPackages;
  readonly leases: LeaseBook;
  readonly registry: RegistrySource;
  readonly events: EventLog;
  readonly platform: string;
  readonly now: () => number;
  readonly maxConcurrent: number;
  readonly quota: NamespaceQuota;
  readonly signatures: SignatureCheck;
  /** Told of bytes that came from the registry. */
  readonly onBytes: (addedBytes: number) => void;
}

const resolving: EnsureProgress = { phase: "resolving", doneBytes: 0, totalBytes: 0, resumedBytes: 0 };
const maxWaiting = 1000;

/**
 * Puts packages on the node for many callers at once: who asks for the same gets the same work. Questions to the registry
 * are shared by what is asked, and placing by the manifest that it leads to.
 */
export class PackageEnsurer {
  readonly #parts: EnsureParts;
  readonly #questions = new SharedWork<FoundPackage, never>({ maxRunning: 64, maxWaiting: 10 * maxWaiting });
  readonly #placements: SharedWork<Placed, EnsureProgress>;
  /** Trees that are under way or not yet leased: no collection takes them. */
  readonly #wanted = new Map<Digest, number>();

  constructor(parts: EnsureParts) {
    this.#parts = parts;
    this.#placements = new SharedWork({ maxRunning: parts.maxConcurrent, maxWaiting });
  }

  get running(): number {
    return this.#placements.running;
  }

  get waiting(): number {
    return this.#placements.waiting;
  }

  isWanted(tree: Digest): boolean {
    return this.#wanted.has(tree);
  }

  /**
   * When it resolves, the tree is durable, its ref points to it and the lease holds it. Nothing but manifests and
   * signatures is fetched before these are in order. Throws `agent/no-version`, `agent/other-manifest`, `agent/busy`,
   * `agent/quota`, `agent/unverifiable`, `trust/…`, and what fetching and unpacking throw.
   */
  async ensure(
    request: EnsureRequest,
    caller: LeaseCaller,
    report: (progress: EnsureProgress) => void,
    signal: AbortSignal,
  ): Promise<Ensured> {
    report(resolving);
    const here = this.#present(request);
    const known = here === undefined ? undefined : this.#knownToVouch(here, request.requireSignature === true);
    if (here !== undefined && known !== undefined) return this.#hold(request, here, "present", caller, known);
    const found = await this.#find(request.wanted, signal);
    assertExpected(request, found.root.digest);
    const vouched = await this.#inspect(found, request, signal);
    const work = (tell: (progress: EnsureProgress) => void, stop: AbortSignal) =>
      this.#place(found, request.wanted, tell, stop);
    const { result, joined } = await this.#placements.join(found.root.digest, work, report, signal);
    const how = result.present ? "present" : joined ? "joined" : "placed";
    return this.#hold(request, result.ref, how, caller, vouched);
  }

  /** Only what a version, a manifest or a tree names for good: which version a range means is the registry's to say. */
  #present({ wanted, expectedManifest, pin, holder }: EnsureRequest): InstalledRef | undefined {
    if (wanted.selector.kind === "range" || wanted.selector.kind === "newest") return undefined;
    const ref = this.#parts.packages.find(wanted);
    if (ref === undefined || (expectedManifest === undefined && !pin && holder === undefined)) return ref;
    // Of what another program has placed, the registry has to say which manifest it is; only then can it be kept for good.
    const { manifest } = this.#parts.packages.describe(ref);
    return manifest === undefined || manifest !== (expectedManifest ?? manifest) ? undefined : ref;
  }

  /** Who vouches for what is here, by what is here; undefined when that is not enough, and the registry is to be asked. */
  #knownToVouch(ref: InstalledRef, asked: boolean): readonly Vouched[] | undefined {
    const { packages, signatures } = this.#parts;
    const { manifest } = packages.describe(ref);
    const required = signatures.isRequired(ref.name, asked);
    const vouched = manifest === undefined ? [] : signatures.vouchedBy(ref.name, manifest, packages.signaturesOf(ref));
    return required && vouched.length === 0 ? undefined : vouched;
  }

  /** Before the work that is shared: whether a signature is asked for is each caller's own. */
  async #inspect(found: FoundPackage, { wanted, requireSignature }: EnsureRequest, signal: AbortSignal) {
    const { packages, registry, signatures } = this.#parts;
    // What is placed must have this name: `assertAnswers`.
    const { name } = wanted;
    if (name === undefined) return [];
    const here = packages.find({ name, selector: { kind: "manifest", digest: found.root.digest } });
    const known = here === undefined ? [] : (this.#knownToVouch(here, requireSignature === true) ?? []);
    if (known.length > 0) return known;
    return registry.watched(() => signatures.inspect(name, found, requireSignature === true, signal));
  }

  /**
   * Who vouches for an installed version: by what is kept beside it, and else by what the registry has. Throws why nobody
   * does, or `agent/unverifiable`.
   */
  async signersOf(ref: InstalledRef, signal: AbortSignal): Promise<readonly string[]> {
    const { packages } = this.#parts;
    let vouched = this.#knownToVouch(ref, true);
    if (vouched === undefined) {
      const { manifest } = packages.describe(ref);
      // What another program has placed is of no manifest that is known here, so nobody can vouch for it.
      if (manifest === undefined)
        throw agentError(
          "agent/unverifiable",
          `of ${ref.name}@${ref.version.text} here it is not known which manifest it is`,
          { hint: "Ensure it: the agent then knows." },
        );
      const wanted = { name: ref.name, selector: { kind: "manifest", digest: manifest } } as const;
      vouched = await this.#inspect(
        await this.#find(wanted, signal),
        { wanted, pin: false, requireSignature: true },
        signal,
      );
      packages.keepSignatures(ref, bundlesToKeep(vouched));
    }
    return [...new Set(vouched.map(({ signer }) => signer))].toSorted();
  }

  async #find({ name, selector }: PackageRequest, signal: AbortSignal): Promise<FoundPackage> {
    const asked = formatRequest({ ...(name === undefined ? {} : { name }), selector });
    if (selector.kind === "tree") throw agentError("agent/not-installed", `no package here has the tree ${asked}`);
    if (name === undefined) throw agentError("agent/invalid", `${asked}: without its name nobody knows where it is`);
    const work = (_: unknown, stop: AbortSignal) => this.#parts.registry.find(name, selector, stop);
    return (await this.#questions.join(`${name} ${asked}`, work, () => {}, signal)).result;
  }

  async #place(
    found: FoundPackage,
    wanted: PackageRequest,
    tell: (progress: EnsureProgress) => void,
    signal: AbortSignal,
  ): Promise<Placed> {
    const { registry, platform, packages } = this.#parts;
    const { readPackageContents } = await import("@cpm/operations/node");
    const contents = await registry.watched(() => readPackageContents(found.source, found.root, platform, signal));
    assertAnswers(contents, wanted, registry.host);
    const { tree } = contents.config;
    const { name, version } = contents.manifest;
    const ref = { name, version, tree };
    const here = packages.ref(name, version.text);
    if (here?.tree === tree && packages.describe(here).manifest === found.root.digest) return { ref, present: true };
    const sizeBytes = contents.config.layers.reduce((sum, layer) => sum + layer.sizeBytes, 0);
    using _room = this.#parts.quota.reserve(name, tree, sizeBytes);
    await this.#wantedMeanwhile(tree, () => this.#fetch(contents, sizeBytes, tell, signal));
    return { ref, present: false };
  }

  /**
   * Makes a tree that is here anew, from the package that the registry has, and has `swap` put it in its place. Throws
   * `agent/other-manifest` where that is another tree by now, and what fetching and unpacking throw.
   */
  async replace(
    wanted: PackageRequest,
    tree: Digest,
    swap: (staging: string, folder: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { registry, platform, node } = this.#parts;
    const found = await this.#find(wanted, signal);
    const { readPackageContents, replacePackage } = await import("@cpm/operations/node");
    const contents = await registry.watched(() => readPackageContents(found.source, found.root, platform, signal));
    if (contents.config.tree !== tree)
      throw agentError("agent/other-manifest", `${formatRequest(wanted)} is not the package of tree ${tree}`);
    await this.#wantedMeanwhile(tree, () => registry.watched(() => replacePackage(contents, node, swap, signal)));
  }

  async #wantedMeanwhile(tree: Digest, work: () => Promise<unknown>): Promise<void> {
    this.#wanted.set(tree, (this.#wanted.get(tree) ?? 0) + 1);
    try {
      await work();
    } finally {
      const count = (this.#wanted.get(tree) ?? 1) - 1;
      if (count === 0) this.#wanted.delete(tree);
      else this.#wanted.set(tree, count);
    }
  }

  async #fetch(
    contents: PackageContents,
    sizeBytes: number,
    tell: (p: EnsureProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { node, packages, events, registry, now, onBytes } = this.#parts;
    const { manifest, config, layers, root } = contents;
    const missing = layers.filter(({ digest }) => node.blobs.stat(digest) === undefined);
    const totalBytes = missing.reduce((sum, layer) => sum + layer.sizeBytes, 0);
    const resumedBytes = missing.reduce((sum, { digest }) => sum + node.blobs.ingestedBytes(digest), 0);
    const { name, version } = manifest;
    const { pinned = false, holders = [] } = packages.records.read(name, version.text) ?? {};
    const known = { manifest: root.digest, tree: config.tree, sizeBytes, installedAtMs: now() };
    packages.records.write(name, version.text, { ...known, pinned, holders });
    failpoint("ensure/record-written");
    let doneBytes = 0;
    const progress = ({ doneBytes: reported }: { readonly doneBytes?: number }): void => {
      if (reported === undefined) return;
      onBytes(reported - doneBytes - (doneBytes === 0 ? resumedBytes : 0));
      doneBytes = reported;
      const phase = doneBytes < totalBytes ? "fetching" : "publishing";
      tell({ phase, doneBytes, totalBytes, resumedBytes });
    };
    tell({ phase: "fetching", doneBytes, totalBytes, resumedBytes });
    const { placePackage } = await import("@cpm/operations/node");
    await registry.watched(() => placePackage(contents, node, progress, signal));
    failpoint("ensure/placed");
    const ref = { name, version, tree: config.tree };
    events.add({ kind: "installed", installed: packages.describe(ref) });
  }

  /** What follows for this caller alone. Nothing is waited for in between, so no collection comes between. */
  #hold(
    request: EnsureRequest,
    ref: InstalledRef,
    how: Ensured["how"],
    caller: LeaseCaller,
    vouched: readonly Vouched[],
  ): Ensured {
    const { leases, packages } = this.#parts;
    const lease = request.lease === undefined ? undefined : leases.acquire(request.lease, [ref.tree], caller);
    failpoint("ensure/leased");
    packages.touch(ref.tree);
    packages.keep(ref, request);
    if (vouched.length > 0) packages.keepSignatures(ref, bundlesToKeep(vouched));
    return { ref, how, lease, vouched: vouched.length > 0 };
  }
}

function assertExpected({ expectedManifest, wanted }: EnsureRequest, actual: Digest): void {
  if (expectedManifest === undefined || expectedManifest === actual) return;
  const message = `${formatRequest(wanted)} is ${actual}, and ${expectedManifest} was expected`;
  throw agentError("agent/other-manifest", message, { context: { expected: expectedManifest, actual } });
}

/** A registry that answers with another package is not believed. */
function assertAnswers({ manifest }: PackageContents, { name, selector }: PackageRequest, host: string): void {
  const { name: actualName, version } = manifest;
  const other = selector.kind === "version" && selector.version.text !== version.text;
  if (actualName === name && !other) return;
  const asked = formatRequest({ ...(name === undefined ? {} : { name }), selector });
  throw agentError("agent/other-manifest", `${host} answers ${asked} with ${actualName}@${version.text}`);
}
