import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { GetInfoRequest, GetInfoResponseSchema } from "@cpm/agent-client/contract";
import { agentError } from "../errors.ts";
import type { Isolation } from "../isolation/isolation.ts";
import type { LeaseTimes } from "./parse-request.ts";
import { features } from "./parse-request.ts";

/** What a level means is written in docs/agent.md. */
const apiLevels = { min: 1, max: 1 } as const;

/** What `GetInfo` tells, the same for everybody. */
export interface AgentIdentity {
  readonly version: string;
  readonly root: string;
  readonly layoutVersion: number;
  readonly instanceId: string;
  readonly platform: string;
  readonly isolation: Isolation;
  readonly limits: AgentLimits;
}

export interface AgentLimits extends LeaseTimes {
  readonly maxMessageBytes: number;
  readonly maxConcurrentEnsures: number;
  readonly maxPageSize: number;
  /** Resident memory of a worker that unpacks. */
  readonly workerMemoryBytes: number;
  /** Of the packages of one namespace, unpacked. Undefined: none. */
  readonly namespaceQuotaBytes: number | undefined;
}

/** Throws `agent/api-level` where the client understands none of ours. */
export function answerInfo(
  { minApiLevel = 1, maxApiLevel = minApiLevel }: GetInfoRequest,
  { version, root, layoutVersion, instanceId, platform, isolation, limits }: AgentIdentity,
): MessageInitShape<typeof GetInfoResponseSchema> {
  const apiLevel = Math.min(maxApiLevel, apiLevels.max);
  if (apiLevel < minApiLevel || apiLevel < apiLevels.min) {
    const ours = `${apiLevels.min} to ${apiLevels.max}`;
    throw agentError("agent/api-level", `the client has ${minApiLevel} to ${maxApiLevel}, and the agent ${ours}`);
  }
  return {
    agentVersion: version,
    apiLevel,
    minApiLevel: apiLevels.min,
    maxApiLevel: apiLevels.max,
    features: [...features],
    root,
    layoutVersion,
    instanceId,
    platform,
    limits: {
      maxMessageBytes: BigInt(limits.maxMessageBytes),
      maxConcurrentEnsures: limits.maxConcurrentEnsures,
      maxLease: durationFromMs(limits.maxLeaseMs),
      defaultLease: durationFromMs(limits.defaultLeaseMs),
      maxPageSize: limits.maxPageSize,
      workerMemoryBytes: BigInt(limits.workerMemoryBytes),
      namespaceQuotaBytes: BigInt(limits.namespaceQuotaBytes ?? 0),
    },
    isolation: {
      landlockAbi: isolation.landlockAbi,
      noNewPrivileges: isolation.noNewPrivileges,
      networkDenied: isolation.networkDenied,
      memoryLimited: isolation.memoryLimited,
      missing: [...isolation.missing],
    },
  };
}
