import { join } from "node:path";
import { openNodeStore, SharedFiles } from "@cpm/store";
import type { NodeStore, TreeUnpacker } from "@cpm/store";
import { tryExclusiveLock } from "@cpm/system";
import type { SteadyClock } from "@cpm/system";
import { agentError } from "../errors.ts";
import { emptyLeftTrash } from "./collect-trees.ts";
import type { CollectParts, CollectResult } from "./collect-trees.ts";
import { Collector } from "./collector.ts";
import { diskUseOf } from "./disk-use.ts";
import { PackageEnsurer } from "./ensure-package.ts";
import { EventLog } from "./event-log.ts";
import { InstalledPackages } from "./installed-packages.ts";
import { LeaseBook } from "./lease-book.ts";
import { NamespaceQuota } from "./namespace-quota.ts";
import type { WaterMarks } from "./plan-collection.ts";
import type { RegistrySource } from "./registry-source.ts";
import type { SignatureCheck } from "./signatures.ts";
import { Scrubber } from "./scrubber.ts";
import type { ScrubberParts } from "./scrubber.ts";
import type { WorkerVerifier } from "../worker/worker-verifier.ts";

export interface AgentNodeOptions {
  readonly root: string;
  readonly registry: RegistrySource;
  readonly unpacker: TreeUnpacker;
  /** As packages name it: `linux/amd64`. */
  readonly platform: string;
  /** The time of day, which may be set at any time: what is told and written down, but for what leases live by. */
  readonly now: () => number;
  readonly steady: SteadyClock;
  /** Packages that are fetched and unpacked at once. */
  readonly maxConcurrentEnsures: number;
  readonly onBytes: (addedBytes: number) => void;
  /** Told what a tree that was put here has of others. */
  /** Versions that were not used for so long are removed. Undefined: only in need. */
  readonly keepUnusedMs: number | undefined;
  readonly waterMarks: WaterMarks | undefined;
  /** Of each namespace. Undefined: none. */
  readonly namespaceQuotaBytes: number | undefined;
  readonly signatures: SignatureCheck;
  readonly onCollected: (result: CollectResult) => void;
  readonly onPressure: (wantedBytes: number, result: CollectResult) => void;
  /** From the beginning of a round of reading everything again to that of the next. Undefined: none. */
  readonly scrubEveryMs: number | undefined;
  readonly scrubBytesPerSecond: number;
  readonly verifier: WorkerVerifier;
  readonly onScrubbedBytes: (addedBytes: number) => void;
  readonly onScrubbed: ScrubberParts["onScrubbed"];
  readonly onHealing: ScrubberParts["onHealing"];
  readonly onFailure: (error: unknown) => void;
}

/** How often it is looked for what may go. */
const collectEveryMs = 60_000;

/** What the agent has and does on its node; nothing here knows by which calls it is asked. */
export interface AgentNode {
  readonly store: NodeStore;
  readonly packages: InstalledPackages;
  readonly leases: LeaseBook;
  readonly events: EventLog;
  readonly ensurer: PackageEnsurer;
  readonly registry: RegistrySource;
  /** What collection works with. */
  readonly collection: CollectParts;
  readonly collector: Collector;
  readonly scrubber: Scrubber;
  /** As packages name it. */
  readonly platform: string;
  readonly verifier: WorkerVerifier;
  /** On the file system of the packages directory. */
  freeBytes(): number;
  close(): Promise<void>;
}

/**
 * Opens the packages directory for this agent alone, and finishes or removes what an earlier one left half done; that
 * takes time in proportion to what was under way. Throws `agent/root-in-use`.
 */
export async function openAgentNode(options: AgentNodeOptions): Promise<AgentNode> {
  const { root, registry, platform, now, onBytes, maxConcurrentEnsures: maxConcurrent } = options;
  const store = openNodeStore(root, options.unpacker);
  const lock = tryExclusiveLock(join(root, "agent.lock"));
  if (lock === undefined) throw agentError("agent/root-in-use", `another agent serves ${root}`);
  const leases = new LeaseBook(root, { now, steady: options.steady });
  const packages = new InstalledPackages(store, leases, now);
  const events = new EventLog(now);
  const quota = new NamespaceQuota(packages, options.namespaceQuotaBytes);
  const { signatures } = options;
  const parts = {
    quota,
    signatures,
    node: store,
    packages,
    leases,
    registry,
    events,
    platform,
    now,
    maxConcurrent,
    onBytes,
  };
  const ensurer = new PackageEnsurer(parts);
  await emptyLeftTrash(root);
  const collection: CollectParts = {
    node: store,
    sharedFiles: new SharedFiles(root),
    packages,
    leases,
    events,
    isWanted: (tree) => ensurer.isWanted(tree),
    isPlacing: () => ensurer.running > 0,
    keepUnusedMs: options.keepUnusedMs,
    now,
  };
  const collector = new Collector({ ...options, collection, diskUse: () => diskUseOf(root) });
  collector.start(collectEveryMs);
  const { verifier, onScrubbedBytes } = options;
  const scrubber = new Scrubber({ ...options, collection, ensurer, onBytes: onScrubbedBytes });
  scrubber.start();
  return {
    store,
    packages,
    leases,
    events,
    ensurer,
    registry,
    collection,
    collector,
    scrubber,
    platform,
    verifier,
    freeBytes: () => diskUseOf(root).availableBytes,
    async close() {
      await Promise.all([collector.stop(), scrubber.stop()]);
      registry.close();
      lock.release();
    },
  };
}
