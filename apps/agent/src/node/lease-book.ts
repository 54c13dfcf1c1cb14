import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Digest, JsonValue } from "@cpm/base";
import { encodeUtf8, isCpmError, isDigest, isJsonObject, parseJson, stringifyJson } from "@cpm/base";
import { makeDirectory, removeFile, replaceFile } from "@cpm/store";
import { agentError } from "../errors.ts";

/** Keeps trees from collection until it expires, whoever took it lives or not. */
export interface Lease {
  readonly id: string;
  readonly expiresAtMs: number;
  readonly trees: readonly Digest[];
  readonly purpose: string;
  readonly ownerUid: number;
}

export interface LeaseRequest {
  /** Empty: one is made. */
  readonly id: string;
  readonly durationMs: number;
  readonly purpose: string;
}

/** Who asks: the owner of a lease may change it, and so may who administrates the agent. */
export interface LeaseCaller {
  readonly uid: number;
  readonly administrator: boolean;
}

const maxLeases = 10_000;
const maxTreesOfLease = 1000;

/**
 * The leases of a packages directory, each a file of its own in `leases/`, written in one step. Opening reads all of them
 * and removes those that have expired.
 */
export class LeaseBook {
  readonly #folder: string;
  readonly #now: () => number;
  readonly #leases = new Map<string, Lease>();

  constructor(root: string, now: () => number) {
    this.#folder = join(root, "leases");
    this.#now = now;
    makeDirectory(this.#folder);
    for (const name of readdirSync(this.#folder)) this.#load(name);
  }

  /** Living ones. */
  get count(): number {
    return this.#leases.size;
  }

  /** How many leases hold a tree. */
  holdersOf(tree: Digest): number {
    let count = 0;
    for (const lease of this.#leases.values()) if (this.#isAlive(lease) && lease.trees.includes(tree)) count++;
    return count;
  }

  /**
   * Takes a lease, or adds to the one of that id and moves its expiry. Throws `agent/lease-owner` and
   * `agent/lease-limit`.
   */
  acquire({ id, durationMs, purpose }: LeaseRequest, trees: readonly Digest[], caller: LeaseCaller): Lease {
    this.dropExpired();
    const known = id === "" ? undefined : this.#leases.get(id);
    if (known !== undefined) assertOwner(known, caller);
    const all = [...new Set([...(known?.trees ?? []), ...trees])];
    if (known === undefined && this.#leases.size >= maxLeases)
      throw agentError("agent/lease-limit", `there are ${maxLeases} leases already`);
    if (all.length > maxTreesOfLease)
      throw agentError("agent/lease-limit", `a lease holds at most ${maxTreesOfLease} packages`);
    return this.#keep({
      id: id === "" ? crypto.randomUUID() : id,
      expiresAtMs: this.#now() + durationMs,
      trees: all,
      purpose: purpose === "" ? (known?.purpose ?? "") : purpose,
      ownerUid: known?.ownerUid ?? caller.uid,
    });
  }

  /** Throws `agent/no-lease` for one that has expired, and `agent/lease-owner`. */
  renew(id: string, durationMs: number, caller: LeaseCaller): Lease {
    this.dropExpired();
    const known = this.#leases.get(id);
    if (known === undefined) throw agentError("agent/no-lease", `there is no lease ${id}`);
    assertOwner(known, caller);
    return this.#keep({ ...known, expiresAtMs: this.#now() + durationMs });
  }

  /** False when there was none. Throws `agent/lease-owner`. */
  release(id: string, caller: LeaseCaller): boolean {
    const known = this.#leases.get(id);
    if (known === undefined) return false;
    assertOwner(known, caller);
    this.#drop(id);
    return this.#isAlive(known);
  }

  /** Forgets leases whose time is over. */
  dropExpired(): void {
    for (const lease of this.#leases.values()) if (!this.#isAlive(lease)) this.#drop(lease.id);
  }

  #isAlive({ expiresAtMs }: Lease): boolean {
    return expiresAtMs > this.#now();
  }

  #keep(lease: Lease): Lease {
    const { id, expiresAtMs, trees, purpose, ownerUid } = lease;
    replaceFile(this.#path(id), encodeUtf8(`${stringifyJson({ id, expiresAtMs, trees, purpose, ownerUid })}\n`));
    this.#leases.set(id, lease);
    return lease;
  }

  #drop(id: string): void {
    this.#leases.delete(id);
    removeFile(this.#path(id));
  }

  /** What a crash left of a write has another ending; a file that is no lease holds nothing and is removed. */
  #load(name: string): void {
    const lease = name.endsWith(".json") ? readLease(join(this.#folder, name)) : undefined;
    if (lease !== undefined && `${lease.id}.json` === name && this.#isAlive(lease)) this.#leases.set(lease.id, lease);
    else removeFile(join(this.#folder, name));
  }

  #path(id: string): string {
    return join(this.#folder, `${id}.json`);
  }
}

function assertOwner({ id, ownerUid }: Lease, { uid, administrator }: LeaseCaller): void {
  if (uid !== ownerUid && !administrator)
    throw agentError("agent/lease-owner", `the lease ${id} is of user ${ownerUid}, and user ${uid} asks`);
}

function readLease(path: string): Lease | undefined {
  let value: JsonValue;
  try {
    value = parseJson(readFileSync(path, "utf8"));
  } catch (error) {
    if (isCpmError(error, "json/invalid")) return undefined;
    throw error;
  }
  if (!isJsonObject(value)) return undefined;
  const { id, expiresAtMs, trees, purpose, ownerUid } = value;
  if (typeof id !== "string" || typeof expiresAtMs !== "number" || !Array.isArray(trees)) return undefined;
  if (typeof purpose !== "string" || typeof ownerUid !== "number") return undefined;
  const digests = trees.filter((tree: JsonValue): tree is Digest => typeof tree === "string" && isDigest(tree));
  return { id, expiresAtMs, trees: digests, purpose, ownerUid };
}
