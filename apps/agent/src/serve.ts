import { join } from "node:path";
import type { RegistryClient } from "@cpm/registry-client";
import type { CredentialSource } from "@cpm/registry-client/access";
import type { Clock } from "@cpm/base";
import { canShareFiles } from "@cpm/store";
import { systemSteadyClock } from "@cpm/system";
import type { ExecutorSettings, NodeExecutor } from "./executor/start-executor.ts";
import { openAgentNode } from "./node/agent-node.ts";
import type { AgentNode } from "./node/agent-node.ts";
import type { WaterMarks } from "./node/plan-collection.ts";
import { RegistrySource } from "./node/registry-source.ts";
import { uncheckedSignatures } from "./node/signatures.ts";
import type { SignatureCheck } from "./node/signatures.ts";
import { callLine, clientLine, healingLine } from "./operation/log.ts";
import type { Log } from "./operation/log.ts";
import { Metrics } from "./operation/metrics.ts";
import type { Gauges } from "./operation/metrics.ts";
import { ServiceManager } from "./operation/service-manager.ts";
import { serveWatchPoint } from "./operation/watch-point.ts";
import type { WatchPoint } from "./operation/watch-point.ts";
import { startAgentServer } from "./service/agent-server.ts";
import type { AgentServer } from "./service/agent-server.ts";
import { createAgentHandlers } from "./service/agent-service.ts";
import { CallGate } from "./service/call-gate.ts";
import type { AgentIdentity, AgentLimits } from "./service/info-handler.ts";
import { isolationOfThisMachine, requireIsolation } from "./isolation/isolation.ts";
import { version } from "./version.ts";
import { WorkerUnpacker } from "./worker/worker-unpacker.ts";
import { WorkerVerifier } from "./worker/worker-verifier.ts";

export interface ServeOptions {
  /** The packages directory. */
  readonly root: string;
  /** The registry, `host[:port]`. */
  readonly registry: string;
  readonly plainHttp: boolean | undefined;
  readonly credentials: CredentialSource;
  /** The colony to work for; undefined for none. */
  readonly executor: ExecutorSettings | undefined;
  /** Whose signatures count. Undefined: none is checked. */
  readonly trustPolicyPath: string | undefined;
  readonly platform: string;
  readonly socketPath: string | undefined;
  /** A listening socket that the process was started with; takes the place of the path. */
  readonly inheritedSocket: number | undefined;
  readonly socketMode: number;
  /** `HOST:PORT` or a path; undefined for none. */
  readonly metricsAddress: string | undefined;
  /** User ids besides this process's own and root that may remove and collect. */
  readonly administrators: readonly number[];
  readonly limits: AgentLimits;
  /** Not to start where anything is missing that confines the worker. */
  readonly isolationRequired: boolean;
  /** How long a listing of the registry counts without asking again. */
  readonly freshMs: number;
  /** A request in which the registry is silent for so long has failed, and is made again. */
  readonly registryTimeoutMs: number;
  readonly graceMs: number;
  /** Versions that were not used for so long are removed. Undefined: only in need. */
  readonly keepUnusedMs: number | undefined;
  /** How full the disk may become, and how full it is left. Undefined: as full as it can be. */
  readonly waterMarks: WaterMarks | undefined;
  /** From the beginning of a round of reading everything again to that of the next. Undefined: none. */
  readonly scrubEveryMs: number | undefined;
  readonly scrubBytesPerSecond: number;
  /** Less free space than this is not ready. */
  readonly minFreeBytes: number;
  readonly log: Log;
  /** Which calls are logged. */
  readonly logged: (failed: boolean) => boolean;
  readonly clock: Clock;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface RunningAgent {
  readonly socket: string;
  readonly metricsAddress: string | undefined;
  stop(): Promise<void>;
}

const layoutVersion = 1;
const maxConnections = 4096;

/** Wires everything together: the only place that knows all of it. */
export async function serveAgent(options: ServeOptions): Promise<RunningAgent> {
  const { root, limits, log, clock, platform } = options;
  const isolation = isolationOfThisMachine();
  if (options.isolationRequired) requireIsolation(isolation);
  const manager = new ServiceManager(options.environment, process.pid);
  const metrics = new Metrics(version, clock.now());
  const registry = openRegistrySource(options);
  const signatures = await openSignatureCheck(options);
  const node = await openAgentNode({
    ...options,
    registry,
    signatures,
    unpacker: new WorkerUnpacker({
      memoryBytes: limits.workerMemoryBytes,
      onEnd: ({ peakBytes }) => metrics.workerEnded(peakBytes),
      sharedFiles: { root, onShared: (sizeBytes) => metrics.shared(sizeBytes) },
    }),
    now: () => clock.now(),
    steady: systemSteadyClock(),
    maxConcurrentEnsures: limits.maxConcurrentEnsures,
    namespaceQuotaBytes: limits.namespaceQuotaBytes,
    onBytes: (addedBytes) => metrics.downloaded(addedBytes),
    onCollected: (result) => {
      metrics.collected(result);
      if (result.removedTrees + result.removedBlobs > 0) log({ event: "collected", ...result });
    },
    onPressure: (wantedBytes, result) => log({ event: "disk-pressure", wantedBytes, ...result }),
    verifier: new WorkerVerifier({ memoryBytes: limits.workerMemoryBytes }),
    onScrubbedBytes: (addedBytes) => metrics.scrubbed(addedBytes),
    onScrubbed: ({ what, digest, damagedCount }) => {
      if (damagedCount === 0) return;
      metrics.damaged(what);
      log({ event: "damaged", what, digest, damagedCount });
    },
    onHealing: (tree, outcome) => log(healingLine(tree, outcome)),
    onFailure: (error) => log({ event: "tending-failed", failure: String(error) }),
  });
  // What was opened is closed again, in reverse, when something after it cannot be.
  await using opened = new AsyncDisposableStack();
  opened.defer(() => node.close());
  const gate = openGate(options, metrics);
  let server: AgentServer | undefined;
  const faults = (): readonly string[] => [
    ...(server === undefined ? ["the agent is starting"] : []),
    ...faultsOf(node, gate, options),
  ];
  const watchPoint = openWatchPoint(options.metricsAddress, faults, () =>
    metrics.format(gaugesOf(node, server?.connections ?? 0, faults())),
  );
  opened.defer(() => watchPoint?.stop());
  const instanceId = crypto.randomUUID();
  const identity: AgentIdentity = { version, root, layoutVersion, instanceId, platform, isolation, limits };
  const { socketPath: path, inheritedSocket: inherited, socketMode: mode } = options;
  server = await startAgentServer({
    handlers: createAgentHandlers(node, identity, {
      onEnsured: (how) => metrics.ensured(how),
      onClient: (client, caller) => log(clientLine(client, caller)),
    }),
    gate,
    health: () => ({ serving: faults().length === 0, registryReachable: registry.reachable }),
    socket: { path, inherited, mode, maxConnections },
    maxMessageBytes: limits.maxMessageBytes,
  });
  const { stop } = server;
  let executor: NodeExecutor | undefined;
  // Both at once: what is left of the grace after the one is not the other's.
  opened.defer(async () => {
    await Promise.all([executor?.stop(options.graceMs), stop(options.graceMs)]);
  });
  if (options.executor !== undefined) {
    const { startExecutor } = await import("./executor/start-executor.ts");
    executor = startExecutor({ ...options, node, layoutVersion }, options.executor);
  }
  const socket = inherited === undefined ? (path ?? "") : `descriptor ${inherited}`;
  const sharesFiles = canShareFiles(root);
  log({ event: "serving", version, instanceId, root, socket, registry: options.registry, isolation, sharesFiles });
  manager.ready(`serving ${root}`);
  const running = opened.move();
  return {
    socket,
    metricsAddress: watchPoint?.address,
    async stop() {
      manager.stopping();
      log({ event: "stopping", instanceId });
      await running.disposeAsync();
      log({ event: "stopped", instanceId });
    },
  };
}

async function openSignatureCheck({ trustPolicyPath, clock, log }: ServeOptions): Promise<SignatureCheck> {
  if (trustPolicyPath === undefined) return uncheckedSignatures;
  const { openPolicyCheck } = await import("./node/policy-check.ts");
  return openPolicyCheck(trustPolicyPath, {
    now: () => clock.now(),
    onWarning: (name, digest, code) => log({ event: "unvouched", name, digest, code }),
  });
}

function openWatchPoint(
  address: string | undefined,
  faults: () => readonly string[],
  metrics: () => string,
): WatchPoint | undefined {
  return address === undefined ? undefined : serveWatchPoint({ address, metrics, faults });
}

function openGate({ administrators, logged, log }: ServeOptions, metrics: Metrics): CallGate {
  return new CallGate({
    administrators: new Set([0, process.getuid?.() ?? 0, ...administrators]),
    onBegin: () => metrics.begin(),
    onEnd(record) {
      metrics.end(record);
      if (logged(record.error !== undefined)) log(callLine(record));
    },
  });
}

/** What keeps the agent from serving. A registry that does not answer is none: what is installed keeps working. */
function faultsOf(node: AgentNode, gate: CallGate, { minFreeBytes }: ServeOptions): readonly string[] {
  return [
    ...(gate.draining ? ["the agent is stopping"] : []),
    ...(node.freeBytes() < minFreeBytes ? ["the disk is full"] : []),
  ];
}

function gaugesOf(node: AgentNode, connections: number, faults: readonly string[]): Gauges {
  return {
    ready: faults.length === 0 ? 1 : 0,
    degraded: node.registry.reachable ? 0 : 1,
    clients_connected: connections,
    ensures_running: node.ensurer.running,
    ensures_waiting: node.ensurer.waiting,
    leases: node.leases.count,
    damaged_trees: node.scrubber.damagedTrees,
    watchers: node.events.listeners,
    fs_free_bytes: node.freeBytes(),
  };
}

function openRegistrySource({
  root,
  registry,
  plainHttp,
  credentials,
  clock,
  freshMs,
  registryTimeoutMs: silenceMs,
  log,
}: ServeOptions): RegistrySource {
  const openClient = async (): Promise<RegistryClient> => {
    const { createRegistryClient } = await import("@cpm/registry-client");
    return createRegistryClient({
      registry,
      ...(plainHttp === undefined ? {} : { plainHttp }),
      credentials,
      userAgent: `cpm-agent/${version}`,
      clock,
      limits: { responseTimeoutMs: silenceMs, idleTimeoutMs: silenceMs },
      onWarning: (text) => log({ event: "registry-warning", text }),
    });
  };
  return new RegistrySource({ host: registry, openClient, cacheDirectory: join(root, "cache"), clock, freshMs });
}
