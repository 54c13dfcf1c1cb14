import { toErrorRecord } from "@cpm/base";
import { ColoniesClient, runExecutor } from "@cpm/colonies";
import type { ExecutorEvent } from "@cpm/colonies";
import type { AgentNode } from "../node/agent-node.ts";
import type { Log, LogLine } from "../operation/log.ts";
import { openExecutorKey } from "./executor-key.ts";
import { nodeFunctions } from "./node-functions.ts";

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
/** The server wakes one of the agents that wait for work, whichever node it is for; the others see it at their next call. */
const waitSeconds = 5;

/**
 * Works for a colony beside the socket. Until it is enrolled, and while no server answers, it asks again with growing
 * pauses; the socket knows nothing of it.
 */
export function startExecutor(node: AgentNode, settings: ExecutorSettings, log: Log): NodeExecutor {
  const { server, colonyName, slots } = settings;
  const identity = openExecutorKey(settings.keyPath);
  const name = settings.name ?? `${executorType}-${identity.id.slice(0, 12)}`;
  log({ event: "executor", id: identity.id, name, colony: colonyName, server });
  const stop = new AbortController();
  const running = runExecutor({
    client: new ColoniesClient({ endpoint: server, colonyName, identity }),
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
      // A server that never answers must not keep the agent from ending.
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, graceMs);
      await Promise.race([running, promise]).finally(() => clearTimeout(timer));
    },
  };
}

function eventLine(event: ExecutorEvent): LogLine {
  if (event.kind === "trouble") {
    const { code, message } = toErrorRecord(event.error);
    return { event: "executor-trouble", code, message, retryMs: event.retryMs };
  }
  const { id: processId, functionName } = event.process;
  const successful = event.kind === "closed" ? { successful: event.successful } : {};
  return { event: `process-${event.kind}`, processId, functionName, ...successful };
}
