import { toErrorRecord } from "@cpm/base";
import { ColoniesClient, runExecutor } from "@cpm/colonies";
import type { ExecutorEvent } from "@cpm/colonies";
import type { CredentialSource } from "@cpm/registry-client";
import type { AgentNode } from "../node/agent-node.ts";
import type { Log, LogLine } from "../operation/log.ts";
import { capabilitiesOf } from "./capabilities.ts";
import { openExecutorKey } from "./executor-key.ts";
import { nodeFunctions } from "./node-functions.ts";
import { releaseFunctions } from "./release-functions.ts";
import { reportCapabilities } from "./report-capabilities.ts";

export interface ExecutorSettings {
  /** `http://HOST:PORT`. */
  readonly server: string;
  readonly colonyName: string;
  /** The file of the agent's own key. */
  readonly keyPath: string;
  /** Default: `cpm-agent-` and the first 12 characters of the id, as `cpm agent enroll` names it. */
  readonly name: string | undefined;
  /** Whether members of the colony may install and uninstall by this agent. */
  readonly installs: boolean;
}

export interface NodeExecutor {
  /** Takes no more work, aborts what runs and says so to the colony; waits at most `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

export interface ExecutorParts {
  readonly node: AgentNode;
  readonly layoutVersion: number;
  readonly log: Log;
  /** How its registry is asked, by what installs. */
  readonly plainHttp: boolean | undefined;
  readonly credentials: CredentialSource;
}

/** Far more than run: what is to be done has limits of its own, and an install may wait for an ensure of this node. */
const slots = 64;
const executorType = "cpm-agent";
/** The server wakes one of all that wait when work comes, whichever node it is for; the others see it when they ask again. */
const waitSeconds = 5;

/**
 * Works for a colony beside the socket. Until it is enrolled, and while no server answers, it asks again with growing
 * pauses; the socket knows nothing of it.
 */
export function startExecutor(
  { node, layoutVersion, log, plainHttp, credentials }: ExecutorParts,
  settings: ExecutorSettings,
): NodeExecutor {
  const { server, colonyName } = settings;
  const identity = openExecutorKey(settings.keyPath);
  const name = settings.name ?? `${executorType}-${identity.id.slice(0, 12)}`;
  log({ event: "executor", id: identity.id, name, colony: colonyName, server });
  const stop = new AbortController();
  const colony = { server, name: colonyName, privateKey: identity.exportPrivateKey() };
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
    handlers: {
      ...nodeFunctions(node),
      ...(settings.installs ? releaseFunctions({ node, colony, plainHttp, credentials }) : {}),
    },
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
