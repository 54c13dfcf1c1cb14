import { AgentService, ServingStatus } from "@cpm/agent-client/contract";
import type { Health } from "@cpm/agent-client/contract";
import { CpmError } from "@cpm/base";
import type { Handlers } from "./implement.ts";

/** Whether the agent serves, and whether its registry answers. */
export interface HealthState {
  readonly serving: boolean;
  readonly registryReachable: boolean;
}

/** How soon a watcher learns of a change. */
const lookIntervalMs = 500;

/**
 * grpc.health.v1: "" and the agent's service are whether it serves; "registry" is whether the registry answered last,
 * which does not make the node unready: what is installed keeps working.
 */
export function createHealth(state: () => HealthState): Handlers<typeof Health> {
  const statusOf = (service: string): ServingStatus | undefined => {
    const { serving, registryReachable } = state();
    const good = new Map([
      ["", serving],
      [AgentService.typeName, serving],
      ["registry", registryReachable],
    ]).get(service);
    if (good === undefined) return undefined;
    return good ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  };
  return {
    async check({ service }) {
      const status = statusOf(service);
      // gRPC's own rule, without a code of ours: the answer is a protocol's, not the agent's.
      if (status === undefined) throw new CpmError("agent/invalid", "not_found", "there is no such service");
      return { status };
    },
    async list() {
      const names = ["", AgentService.typeName, "registry"];
      return { statuses: Object.fromEntries(names.map((name) => [name, { status: statusOf(name) ?? 0 }])) };
    },
    async watch({ service }, call) {
      let told: ServingStatus | undefined;
      while (!call.signal.aborted) {
        const status = statusOf(service) ?? ServingStatus.SERVICE_UNKNOWN;
        if (status !== told) await call.send({ status });
        told = status;
        await pause(lookIntervalMs, call.signal);
      }
      throw call.signal.reason;
    },
  };
}

function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, durationMs);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done, { once: true });
  });
}
