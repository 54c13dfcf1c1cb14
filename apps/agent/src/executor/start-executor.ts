import { toErrorRecord } from "@cpm/base";
import { ColoniesClient, runExecutor } from "@cpm/colonies";
import type { ExecutorEvent } from "@cpm/colonies";
import type { AgentNode } from "../node/agent-node.ts";
import type { Log, LogLine } from "../operation/log.ts";
import { capabilitiesOf } from "./capabilities.ts";
import { openExecutorKey } from "./executor-key.ts";
import { nodeFunctions } from "./node-functions.ts";
import { reportCapabilities } from "./report-capabilities.ts";

export interface ExecutorSettings {
  /** `http://HOST:PORT`. */
  readonly server: string;
  readonly colonyName: string;
  /** The file of the agent's own key. */
  readonly keyPath: string;
  /** Default: `cpm-agent-` and the first 12 characters of the id, as `cpm agent enroll` names it. */
  readonly name: string | undefined;
  /** How many processes run at once. */
  readonly slots: number;
}

export interface NodeExecutor {
  /** Takes no more work, aborts what runs and says so to the colony; waits at most `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

const executorType = "cpm-agent";
/** The server wakes one of all that wait when work comes, whichever node it is for; the others see it when they ask again. */
const waitSeconds = 5;

/**
 * Works for a colony beside the socket. Until it is enrolled, and while no server answers, it asks again with growing
 * pauses; the socket knows nothing of it.
 */
export function startExecutor(
  node: AgentNode,
  settings: ExecutorSettings,
  layoutVersion: number,
  log: Log,
): NodeExecutor {
  const { server, colonyName, slots } = settings;
  const identity = openExecutorKey(settings.keyPath);
  const name = settings.name ?? `${executorType}-${identity.id.slice(0, 12)}`;
  log({ event: "executor", id: identity.id, name, colony: colonyName, server });
  const stop = new AbortController();
  const client = new ColoniesClient({ endpoint: server, colonyName, identity });
  const stopReporting = reportCapabilities({
    read: () => capabilitiesOf(node, layoutVersion),
    send: (capabilities, signal) => client.executors.updateCapabilities(name, capabilities, { signal }),
    listen: (changed) => node.events.listen(changed),
    onFailure: (error) => log({ event: "capabilities-untold", ...reasonOf(error) }),
  });
  const running = runExecutor({
    client,
    executorName: name,
    executorType,
    handlers: nodeFunctions(node),
    slots,
    waitSeconds,
    signal: stop.signal,
    onEvent: (event) => log(eventLine(event)),
  });
  return {
    async stop(graceMs) {
      stop.abort();
      stopReporting();
      // A server that never answers must not keep the agent from ending.
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, graceMs);
      await Promise.race([running, promise]).finally(() => clearTimeout(timer));
    },
  };
}

function eventLine(event: ExecutorEvent): LogLine {
  if (event.kind === "trouble") {
    return { event: "executor-trouble", ...reasonOf(event.error), retryMs: event.retryMs };
  }
  const { id: processId, functionName } = event.process;
  const successful = event.kind === "closed" ? { successful: event.successful } : {};
  return { event: `process-${event.kind}`, processId, functionName, ...successful };
}

function reasonOf(error: unknown): { readonly code: string; readonly message: string } {
  const { code, message } = toErrorRecord(error);
  return { code, message };
}
