import { afterAll, beforeAll, expect, test } from "bun:test";
import type { WatchResponse } from "@cpm/agent-client/contract";
import { AgentSite, faultOf } from "./agent-site.ts";

let site: AgentSite;
beforeAll(async () => {
  site = await AgentSite.open();
  await site.universe.publish("rise/first", "1.0.0", { files: { "payload/a": "first" } });
  await site.universe.publish("rise/second", "1.0.0", { files: { "payload/a": "second" } });
  await site.universe.publish("other/third", "1.0.0", { files: { "payload/a": "third" } });
});
afterAll(() => site.close());

const ensure = (name: string) => site.client().ensure({ package: { name } });

/** What is told, as words, until so many events have come. */
async function read(events: AsyncGenerator<WatchResponse>, count: number) {
  const told: string[] = [];
  let last: WatchResponse | undefined;
  while (told.length < count) {
    const { value } = await events.next();
    last = value as WatchResponse;
    const { event } = last;
    told.push(
      event.case === "synced"
        ? "synced"
        : `${event.case} ${"name" in (event.value ?? {}) ? (event.value as { name: string }).name : ""}`,
    );
  }
  return { told, last };
}

test("a watcher is told what is there, then what changes, and may go on after an event", async () => {
  await ensure("rise/first");
  const leave = new AbortController();
  const events = site.client().watch({ snapshot: true }, leave.signal);
  expect((await read(events, 2)).told).toEqual(["present rise/first", "synced"]);
  await ensure("rise/second");
  await ensure("other/third");
  const { told, last } = await read(events, 2);
  expect(told).toEqual(["installed rise/second", "installed other/third"]);
  leave.abort(new Error("enough"));
  expect(await events.next().catch((error: Error) => error.message)).toBe("enough");

  await site.client().remove("rise/second", "1.0.0");
  const after = site.client().watch({ after: last?.sequence ?? 0n });
  expect((await read(after, 2)).told).toEqual(["synced", "removed rise/second"]);
  await after.return(undefined);

  const only = site.client().watch({ snapshot: true, namespace: "other" });
  expect((await read(only, 2)).told).toEqual(["present other/third", "synced"]);
  await only.return(undefined);
  const fault = await faultOf(site.client().watch({ after: 1_000_000n }).next());
  expect(fault).toMatchObject({ code: "agent/missed-events", kind: "out_of_range" });
});
