import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { WatchRequest, WatchResponseSchema } from "@cpm/agent-client/contract";
import { agentError } from "../errors.ts";
import type { AgentNode } from "../node/agent-node.ts";
import type { NodeEvent, NumberedEvent } from "../node/event-log.ts";
import type { StreamContext } from "./implement.ts";
import { installedMessage } from "./messages.ts";
import { parseNamespace } from "./parse-request.ts";

type WatchMessage = MessageInitShape<typeof WatchResponseSchema>;

/** Events that wait for a client to read. */
const maxWaiting = 1000;

/** Tells what is there, then what changes, until the client leaves. Throws `agent/slow-watcher`. */
export async function answerWatch(
  { snapshot, after, namespace: asked }: WatchRequest,
  call: StreamContext<typeof WatchResponseSchema>,
  node: AgentNode,
  instanceId: string,
): Promise<void> {
  const namespace = parseNamespace(asked);
  const waiting: NumberedEvent[] = after === undefined ? [] : [...node.events.after(Number(after))];
  const wake = { call: (): void => {} };
  const overflow = Promise.withResolvers<never>();
  // Seen by whoever races against it; a client that keeps up never gets there.
  overflow.promise.catch(() => {});
  const stop = node.events.listen((event) => {
    waiting.push(event);
    if (waiting.length > maxWaiting) {
      stop();
      overflow.reject(agentError("agent/slow-watcher", `${maxWaiting} events are unread`));
    }
    wake.call();
  });
  const send = (message: WatchMessage): Promise<void> => Promise.race([call.send(message), overflow.promise]);
  const common = (sequence: number, atMs: number) => ({
    sequence: BigInt(sequence),
    instanceId,
    at: timestampFromMs(atMs),
  });
  try {
    const now = node.events.last;
    if (snapshot) {
      for (const ref of node.packages.list(namespace)) {
        const value = installedMessage(node.packages.describe(ref));
        await send({ ...common(now, Date.now()), event: { case: "present", value } });
      }
    }
    await send({ ...common(now, Date.now()), event: { case: "synced", value: {} } });
    for (;;) {
      const next = waiting.shift();
      if (next === undefined) await woken(wake, call.signal);
      else if (belongs(next.event, namespace))
        await send({ ...common(next.sequence, next.atMs), event: eventMessage(next.event) });
    }
  } finally {
    stop();
  }
}

function eventMessage(event: NodeEvent): NonNullable<WatchMessage["event"]> {
  if (event.kind === "installed") return { case: "installed", value: installedMessage(event.installed) };
  if (event.kind === "damaged") return { case: "damaged", value: { treeDigest: event.tree, healed: event.healed } };
  return { case: "removed", value: { name: event.name, version: event.version, treeDigest: event.tree } };
}

/** Damage is told to everybody: a tree may be shared by packages of several namespaces. */
function belongs(event: NodeEvent, namespace: string): boolean {
  if (namespace === "" || event.kind === "damaged") return true;
  const name = event.kind === "installed" ? event.installed.name : event.name;
  return name.startsWith(`${namespace}/`);
}

function woken(wake: { call: () => void }, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason);
    if (signal.aborted) return leave();
    signal.addEventListener("abort", leave, { once: true });
    wake.call = () => {
      signal.removeEventListener("abort", leave);
      resolve();
    };
  });
}
