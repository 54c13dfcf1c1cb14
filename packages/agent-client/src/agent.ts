import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CancelSignal } from "@cpm/base";
import { AgentService } from "../gen/cpm/agent/v1/agent_pb.js";
import type {
  AcquireRequestSchema,
  AcquireResponse,
  CollectRequestSchema,
  CollectResponse,
  EnsureProgress,
  EnsureRequestSchema,
  EnsureResult,
  GetInfoResponse,
  InstalledPackage,
  ReleaseResponse,
  RemoveResponse,
  RenewRequestSchema,
  RenewResponse,
  ResolveRequestSchema,
  ResolveResponse,
  VerifyRequestSchema,
  VerifyResult,
  WatchRequestSchema,
  WatchResponse,
} from "../gen/cpm/agent/v1/agent_pb.js";
import { Health, HealthCheckResponse_ServingStatus as ServingStatus } from "../gen/grpc/health/v1/health_pb.js";
import { Channel } from "./channel.ts";
import type { CallOptions } from "./channel.ts";
import { agentClientError } from "./errors.ts";
import { holdPackage } from "./hold-package.ts";
import type { HeldPackage } from "./hold-package.ts";

export interface AgentOptions {
  /** Absolute path of the agent's socket. */
  readonly socket: string;
  /** The packages directory as this process sees it. Default: where the agent says that it is. */
  readonly root?: string;
  /** Who calls, for the agent's log. */
  readonly clientName: string;
  readonly clientVersion: string;
  /** For calls that answer once. Default 30 s. */
  readonly timeoutMs?: number;
  /** How long a call is repeated while no agent answers. Default 0: it fails at once. */
  readonly patienceMs?: number;
}

export interface EnsureOptions extends CallOptions {
  readonly onProgress?: (progress: EnsureProgress) => void;
}

/**
 * An agent of this node. Opening it connects to nobody: the first call does. What it throws is what the agent threw, with
 * code, kind and hint, or `agent-client/…` where there was no agent to throw.
 */
export interface Agent {
  /**
   * The path of a package, held until it is released: no collection takes it. An installed version is found and locked
   * without a call, also while no agent runs; else the agent puts it here. `text` is a reference as in a manifest. A range
   * means what the registry has; with no agent, the newest that is installed.
   */
  holdPackage(text: string, options?: EnsureOptions): Promise<HeldPackage>;

  /** Also the handshake: throws `agent/api-level` where the two cannot work together. */
  getInfo(options?: CallOptions): Promise<GetInfoResponse>;
  resolve(request: MessageInitShape<typeof ResolveRequestSchema>, options?: CallOptions): Promise<ResolveResponse>;
  ensure(request: MessageInitShape<typeof EnsureRequestSchema>, options?: EnsureOptions): Promise<EnsureResult>;
  verify(request: MessageInitShape<typeof VerifyRequestSchema>, options?: CallOptions): Promise<VerifyResult>;
  /** Page by page. */
  list(namespace?: string, options?: CallOptions): AsyncGenerator<InstalledPackage>;
  remove(name: string, version: string, options?: CallOptions): Promise<RemoveResponse>;
  acquire(request: MessageInitShape<typeof AcquireRequestSchema>, options?: CallOptions): Promise<AcquireResponse>;
  renew(request: MessageInitShape<typeof RenewRequestSchema>, options?: CallOptions): Promise<RenewResponse>;
  release(id: string, options?: CallOptions): Promise<ReleaseResponse>;
  collect(request?: MessageInitShape<typeof CollectRequestSchema>, options?: CallOptions): Promise<CollectResponse>;
  watch(request?: MessageInitShape<typeof WatchRequestSchema>, signal?: CancelSignal): AsyncGenerator<WatchResponse>;
  /** By gRPC's own health service. */
  checkHealth(service?: string, options?: CallOptions): Promise<"serving" | "not-serving">;
  close(): void;
}

const { method } = AgentService;
const defaultTimeoutMs = 30_000;
const apiLevel = 1;

export function openAgent(options: AgentOptions): Agent {
  const { socket, timeoutMs = defaultTimeoutMs, patienceMs = 0, clientName, clientVersion } = options;
  const channel = new Channel({ socket, timeoutMs, patienceMs });
  const hello = { clientName, clientVersion, minApiLevel: apiLevel, maxApiLevel: apiLevel };
  const agent: Agent = {
    holdPackage: (text, call = {}) => holdPackage(agent, options.root, text, call),
    getInfo: (call) => channel.unary(method.getInfo, hello, call),
    resolve: (request, call) => channel.unary(method.resolve, request, call),
    ensure: (request, call) => ensure(channel, request, call),
    verify: (request, call) => verify(channel, request, call),
    list: (namespace, call) => list(channel, namespace, call),
    remove: (name, version, call) => channel.unary(method.remove, { name, version }, call),
    acquire: (request, call) => channel.unary(method.acquire, request, call),
    renew: (request, call) => channel.unary(method.renew, request, call),
    release: (id, call) => channel.unary(method.release, { id }, call),
    collect: (request = {}, call) => channel.unary(method.collect, request, call),
    watch: (request = {}, signal) => channel.stream(method.watch, request, { signal }),
    async checkHealth(service = "", call) {
      const { status } = await channel.unary(Health.method.check, { service }, call);
      return status === ServingStatus.SERVING ? "serving" : "not-serving";
    },
    close: () => channel.close(),
  };
  return agent;
}

async function ensure(
  channel: Channel,
  request: MessageInitShape<typeof EnsureRequestSchema>,
  { onProgress = () => {}, ...call }: EnsureOptions = {},
): Promise<EnsureResult> {
  for await (const { update } of channel.stream(method.ensure, request, call)) {
    if (update.case === "progress") onProgress(update.value);
    if (update.case === "result") return update.value;
  }
  throw agentClientError("agent-client/protocol", "the agent ended Ensure without a result");
}

async function verify(
  channel: Channel,
  request: MessageInitShape<typeof VerifyRequestSchema>,
  call: CallOptions | undefined,
): Promise<VerifyResult> {
  for await (const { update } of channel.stream(method.verify, request, call))
    if (update.case === "result") return update.value;
  throw agentClientError("agent-client/protocol", "the agent ended Verify without a result");
}

async function* list(
  channel: Channel,
  namespace = "",
  call: CallOptions | undefined,
): AsyncGenerator<InstalledPackage> {
  let pageToken = "";
  do {
    const page = await channel.unary(method.list, { namespace, pageToken }, call);
    yield* page.packages;
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
}
