import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { WatchRequestSchema } from "@cpm/agent-client/contract";
import { isCpmError, parseDigest } from "@cpm/base";
import type { AgentNode } from "../node/agent-node.ts";
import { EventLog } from "../node/event-log.ts";
import { answerWatch } from "./watch-handler.ts";

const tree = parseDigest(`sha256:${"a".repeat(64)}`);
const caller = { uid: 0, gid: 0, pid: 1, administrator: true };

/** Watches with a client that reads nothing after the first message. */
function watchWithoutReading(events: EventLog) {
  let sent = 0;
  const call = {
    caller,
    signal: new AbortController().signal,
    send: () => (sent++ === 0 ? Promise.resolve() : new Promise<void>(() => {})),
    offer: () => {},
  };
  const node = { events, packages: { list: () => [] } } as unknown as AgentNode;
  const ended = answerWatch(create(WatchRequestSchema), call, node, "instance").catch((error: unknown) => error);
  return { ended, sent: () => sent };
}

test("a client that reads more slowly than things change is ended, and nothing is kept for it", async () => {
  const events = new EventLog(() => 1000);
  const { ended, sent } = watchWithoutReading(events);
  while (sent() === 0) await Bun.sleep(1);
  for (let count = 0; count < 5000; count++) events.add({ kind: "damaged", tree, healed: false });
  expect(isCpmError(await ended, "agent/slow-watcher")).toBe(true);
  expect(events.listeners).toBe(0);
});

test("an event of an earlier process is not gone on after", () => {
  const [earlier, later] = [new EventLog(() => 1000), new EventLog(() => 1001)];
  for (let count = 0; count < 10; count++) {
    earlier.add({ kind: "damaged", tree, healed: false });
    later.add({ kind: "damaged", tree, healed: true });
  }
  expect(later.after(later.last - 3)).toHaveLength(3);
  expect(() => later.after(earlier.last)).toThrow("are not here");
  expect(() => later.after(later.last + 1)).toThrow("are not here");
});
