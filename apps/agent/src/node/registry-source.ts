import { join } from "node:path";
import type { Clock } from "@cpm/base";
import { isCpmError } from "@cpm/base";
import type { PackageName, Version } from "@cpm/model/names";
import { maxSatisfying, parseRange, versionToTag } from "@cpm/model/names";
import type { Descriptor, StoreReader } from "@cpm/oci";
import type { PackageMetadata } from "@cpm/operations/node";
import type { RegistryClient } from "@cpm/registry-client";
import { agentError } from "../errors.ts";
import { formatRequest } from "./package-request.ts";
import type { NodeSelector } from "./package-request.ts";

export interface RegistrySourceOptions {
  /** `host[:port]`. */
  readonly host: string;
  /** Called for the first question: until then an agent does without what asks a registry. */
  readonly openClient: () => Promise<RegistryClient>;
  /** Where listings are kept; a copy of what the registry said. */
  readonly cacheDirectory: string;
  readonly clock: Clock;
  /** How long a listing counts without asking again. */
  readonly freshMs: number;
}

/** A package's artifact, found and not read. */
export interface FoundPackage {
  readonly source: StoreReader;
  readonly root: Descriptor;
}

const anything = parseRange("*");

/** The one registry that a node's packages come from. */
export class RegistrySource {
  readonly host: string;
  readonly #options: RegistrySourceOptions;
  #client: Promise<RegistryClient> | undefined;
  #listings: { readonly metadata: PackageMetadata; readonly sinceMs: number } | undefined;
  /** Listings are shared by callers, so none of them may end one. */
  readonly #closing = new AbortController();
  #reachable = true;

  constructor(options: RegistrySourceOptions) {
    this.host = options.host;
    this.#options = options;
  }

  /** Whether the registry answered when it was last asked. */
  get reachable(): boolean {
    return this.#reachable;
  }

  /** Throws `agent/no-version` for what the registry does not have, and what asking it throws. */
  async find(name: PackageName, selector: NodeSelector, signal: AbortSignal): Promise<FoundPackage> {
    return this.watched(async () => {
      const client = await this.#opened();
      const source = client.repository(name);
      if (selector.kind === "manifest") {
        const { describeDigest } = await import("@cpm/operations/node");
        return { source, root: await describeDigest(name, selector.digest, source, this.host, signal) };
      }
      const version = await this.#choose(name, selector);
      const root = version === undefined ? undefined : await source.resolve(versionToTag(version), { signal });
      if (root === undefined)
        throw agentError("agent/no-version", `${this.host} has no ${formatRequest({ name, selector })}`);
      return { source, root };
    });
  }

  /** Runs what asks the registry, and remembers whether it answered. */
  async watched<T>(ask: () => Promise<T>): Promise<T> {
    try {
      const result = await ask();
      this.#reachable = true;
      return result;
    } catch (error) {
      if (isCpmError(error))
        this.#reachable = error.code !== "registry/unreachable" && error.code !== "registry/server";
      throw error;
    }
  }

  /** Ends what is being asked. */
  close(): void {
    this.#closing.abort(agentError("agent/draining", "the agent is stopping"));
  }

  #opened(): Promise<RegistryClient> {
    this.#client ??= this.#options.openClient();
    return this.#client;
  }

  async #choose(name: PackageName, selector: NodeSelector): Promise<Version | undefined> {
    if (selector.kind === "version") return selector.version;
    if (selector.kind === "tree") return undefined;
    const listed = (await (await this.#metadata()).versions(this.host, name)) ?? [];
    const usable = listed.filter(({ yanked }) => !yanked).map(({ version }) => version);
    return maxSatisfying(usable, selector.kind === "range" ? selector.range : anything);
  }

  /** Listings are kept in memory as long as they are fresh, and then asked for again with their tag. */
  async #metadata(): Promise<PackageMetadata> {
    const { PackageMetadata } = await import("@cpm/operations/node");
    const client = await this.#opened();
    const { cacheDirectory, clock, freshMs } = this.#options;
    const now = clock.now();
    // Before its own time it is not fresh either: the clock was set back.
    const ageMs = now - (this.#listings?.sinceMs ?? 0);
    if (this.#listings === undefined || ageMs < 0 || ageMs >= freshMs) {
      const { signal } = this.#closing;
      const options = { registry: () => client, cacheDirectory: join(cacheDirectory, "listings"), clock, signal };
      this.#listings = { metadata: new PackageMetadata({ ...options, freshMs: () => freshMs }), sinceMs: now };
    }
    return this.#listings.metadata;
  }
}
