import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Digest, JsonValue } from "@cpm/base";
import { encodeUtf8, isCpmError, isDigest, isJsonObject, parseJson, stringifyJson } from "@cpm/base";
import { makeDirectory, removeFile, replaceFile } from "@cpm/store";
import type { SteadyClock } from "@cpm/system";
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

/** The clock that people set, which is told, and the one that decides. */
export interface LeaseClocks {
  readonly now: () => number;
  readonly steady: SteadyClock;
}

/** A lease with its end by the steady clock. */
interface KeptLease {
  readonly lease: Lease;
  readonly endsAtMs: number;
}

const maxLeases = 10_000;
const maxTreesOfLease = 1000;

/**
 * The leases of a packages directory, each a file of its own in `leases/`, written in one step. Opening reads all of them
 * and removes those that have expired. How long a lease lives is measured by a clock that nobody sets, so that a step
 * of the other one takes no tree from anybody; only across a boot the time of day has to do.
 */
export class LeaseBook {
  readonly #folder: string;
  readonly #clocks: LeaseClocks;
  readonly #leases = new Map<string, KeptLease>();

  constructor(root: string, clocks: LeaseClocks) {
    this.#folder = join(root, "leases");
    this.#clocks = clocks;
    makeDirectory(this.#folder);
    for (const name of readdirSync(this.#folder)) this.#load(name);
  }

  /** Living ones. */
  get count(): number {
    return this.#leases.size;
  }

  /** How many leases hold a tree. */
  holdersOf(tree: Digest): number {
    const holding = [...this.#leases.values()].filter(({ lease }) => lease.trees.includes(tree));
    if (holding.length === 0) return 0;
    // Reading the clock is a read of a file: a twentieth of what a whole call takes.
    const nowMs = this.#clocks.steady.now();
    return holding.filter(({ endsAtMs }) => endsAtMs > nowMs).length;
  }

  /**
   * Takes a lease, or adds to the one of that id and moves its expiry. Throws `agent/lease-owner` and
   * `agent/lease-limit`.
   */
  acquire({ id, durationMs, purpose }: LeaseRequest, trees: readonly Digest[], caller: LeaseCaller): Lease {
    this.dropExpired();
    const known = id === "" ? undefined : this.#leases.get(id)?.lease;
    if (known !== undefined) assertOwner(known, caller);
    const all = [...new Set([...(known?.trees ?? []), ...trees])];
    if (known === undefined && this.#leases.size >= maxLeases)
      throw agentError("agent/lease-limit", `there are ${maxLeases} leases already`);
    if (all.length > maxTreesOfLease)
      throw agentError("agent/lease-limit", `a lease holds at most ${maxTreesOfLease} packages`);
    const lease = {
      id: id === "" ? crypto.randomUUID() : id,
      trees: all,
      purpose: purpose === "" ? (known?.purpose ?? "") : purpose,
      ownerUid: known?.ownerUid ?? caller.uid,
    };
    return this.#keep(lease, durationMs);
  }

  /** Throws `agent/no-lease` for one that has expired, and `agent/lease-owner`. */
  renew(id: string, durationMs: number, caller: LeaseCaller): Lease {
    this.dropExpired();
    const known = this.#leases.get(id);
    if (known === undefined) throw agentError("agent/no-lease", `there is no lease ${id}`);
    assertOwner(known.lease, caller);
    return this.#keep(known.lease, durationMs);
  }

  /** False when there was none. Throws `agent/lease-owner`. */
  release(id: string, caller: LeaseCaller): boolean {
    const known = this.#leases.get(id);
    if (known === undefined) return false;
    assertOwner(known.lease, caller);
    this.#drop(id);
    return this.#isAlive(known);
  }

  /** Forgets leases whose time is over. */
  dropExpired(): void {
    const nowMs = this.#clocks.steady.now();
    for (const { lease, endsAtMs } of this.#leases.values()) if (endsAtMs <= nowMs) this.#drop(lease.id);
  }

  #isAlive({ endsAtMs }: KeptLease): boolean {
    return endsAtMs > this.#clocks.steady.now();
  }

  #keep({ id, trees, purpose, ownerUid }: Omit<Lease, "expiresAtMs">, durationMs: number): Lease {
    const { now, steady } = this.#clocks;
    const lease = { id, expiresAtMs: now() + durationMs, trees, purpose, ownerUid };
    const endsAtMs = steady.now() + durationMs;
    const record = { ...lease, durationMs, boot: steady.boot, endsAtMs };
    replaceFile(this.#path(id), encodeUtf8(`${stringifyJson(record)}\n`));
    this.#leases.set(id, { lease, endsAtMs });
    return lease;
  }

  #drop(id: string): void {
    this.#leases.delete(id);
    removeFile(this.#path(id));
  }

  /** What a crash left of a write has another ending; a file that is no lease holds nothing and is removed. */
  #load(name: string): void {
    const kept = name.endsWith(".json") ? readLease(join(this.#folder, name), this.#clocks) : undefined;
    if (kept !== undefined && `${kept.lease.id}.json` === name && this.#isAlive(kept))
      this.#leases.set(kept.lease.id, kept);
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

function readLease(path: string, { now, steady }: LeaseClocks): KeptLease | undefined {
  let value: JsonValue;
  try {
    value = parseJson(readFileSync(path, "utf8"));
  } catch (error) {
    if (isCpmError(error, "json/invalid")) return undefined;
    throw error;
  }
  if (!isJsonObject(value)) return undefined;
  const { id, expiresAtMs, trees, purpose, ownerUid, durationMs = Number.MAX_SAFE_INTEGER, boot, endsAtMs } = value;
  if (typeof id !== "string" || typeof expiresAtMs !== "number" || !Array.isArray(trees)) return undefined;
  if (typeof purpose !== "string" || typeof ownerUid !== "number" || typeof durationMs !== "number") return undefined;
  const digests = trees.filter((tree: JsonValue): tree is Digest => typeof tree === "string" && isDigest(tree));
  const lease = { id, expiresAtMs, trees: digests, purpose, ownerUid };
  const sameBoot = boot === steady.boot && typeof endsAtMs === "number";
  const leftMs = sameBoot ? endsAtMs - steady.now() : expiresAtMs - now();
  // Never longer than it was taken for: after a boot the time of day may be wrong by decades.
  return { lease, endsAtMs: steady.now() + Math.min(leftMs, durationMs) };
}
