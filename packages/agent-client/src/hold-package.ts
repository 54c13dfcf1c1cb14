import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { Digest } from "@cpm/base";
import { isCpmError, parseDigest } from "@cpm/base";
import type { PackageReference } from "@cpm/model";
import type { InstalledPackage } from "../gen/cpm/agent/v1/agent_pb.js";
import type { Agent, EnsureOptions } from "./agent.ts";
import { agentClientError } from "./errors.ts";
import type { LockedTree } from "./installed-tree.ts";
import { lockTree, lockVersion, newestInstalled } from "./installed-tree.ts";
import { parseNodeReference, referenceMessage } from "./package-selector.ts";

/** A package that stays where it is until it is released, or this process ends. */
export interface HeldPackage extends AsyncDisposable {
  /** The directory with the files. It never changes. */
  readonly path: string;
  readonly version: string;
  readonly tree: Digest;
  /** How it is held: by a lock of this process, or by a lease that is renewed while it lives. */
  readonly by: "lock" | "lease";
  release(): Promise<void>;
}

/** Long enough to lock what the agent has placed; renewed at a third where there are no locks. */
const leaseMs = 5 * 60_000;

/** See `Agent.holdPackage`. */
export async function holdPackage(
  agent: Agent,
  root: string | undefined,
  text: string,
  options: EnsureOptions,
): Promise<HeldPackage> {
  const reference = parseNodeReference(text);
  const { selector, name } = reference;
  if (root !== undefined && selector.kind === "version") {
    const locked = lockVersion(root, name, selector.version.text);
    if (locked !== undefined) return heldByLock(locked, selector.version.text);
  }
  try {
    return await ensureAndHold(agent, root, reference, options);
  } catch (error) {
    const here = isCpmError(error, "agent-client/unreachable") ? lockNewest(root, reference) : undefined;
    if (here === undefined) throw error;
    return here;
  }
}

/** What a range means on this node alone, when nobody can be asked. */
function lockNewest(root: string | undefined, reference: PackageReference): HeldPackage | undefined {
  const version = root === undefined ? undefined : newestInstalled(root, reference);
  const locked =
    root === undefined || version === undefined ? undefined : lockVersion(root, reference.name, version.text);
  return locked === undefined || version === undefined ? undefined : heldByLock(locked, version.text);
}

async function ensureAndHold(
  agent: Agent,
  root: string | undefined,
  reference: PackageReference,
  options: EnsureOptions,
): Promise<HeldPackage> {
  const lease = { id: crypto.randomUUID(), duration: durationFromMs(leaseMs), purpose: "holding a package" };
  const { installed } = await agent.ensure({ package: referenceMessage(reference), lease }, options);
  if (installed === undefined) throw agentClientError("agent-client/protocol", "the agent's result has no package");
  const locked = lockTree(root ?? (await agent.getInfo()).root, parseDigest(installed.treeDigest));
  if (locked === undefined) return heldByLease(agent, installed, lease.id);
  await agent.release(lease.id);
  return heldByLock(locked, installed.version);
}

function heldByLock({ path, tree, release }: LockedTree, version: string): HeldPackage {
  let held = true;
  const end = async (): Promise<void> => {
    if (held) release();
    held = false;
  };
  return { path, version, tree, by: "lock", release: end, [Symbol.asyncDispose]: end };
}

/** A renewal that fails is tried again at its next time: the lease outlives two that do. */
function heldByLease(agent: Agent, { path, version, treeDigest }: InstalledPackage, id: string): HeldPackage {
  const renew = (): void => void agent.renew({ id, duration: durationFromMs(leaseMs) }).catch(() => {});
  const timer = setInterval(renew, leaseMs / 3);
  timer.unref();
  const end = async (): Promise<void> => {
    clearInterval(timer);
    await agent.release(id);
  };
  return { path, version, tree: parseDigest(treeDigest), by: "lease", release: end, [Symbol.asyncDispose]: end };
}
