import { readlinkSync } from "node:fs";
import { join } from "node:path";
import { openAgent } from "@cpm/agent-client";
import { publishPackage } from "../registry/content.ts";
import { medianOf } from "../registry/report.ts";
import type { SocketServer } from "./servers.ts";

/** Medians, in milliseconds from the call that has a version put on the node. */
export interface NoticeTimes {
  readonly versions: number;
  /** Until its caller has the answer. */
  readonly answerMs: number;
  /** Until a client that watches is told. */
  readonly watchMs: number;
  /** Until a client sees the reference that looks for it every `lookEveryMs`. */
  readonly linkMs: number;
}

export const lookEveryMs = 1;

/** How soon clients notice a version that somebody has put on the node. One version after the other. */
export async function measureNotice(
  { socket }: SocketServer,
  root: string,
  registry: string,
  versions: number,
): Promise<NoticeTimes> {
  const name = "bench/noticed";
  const agent = openAgent({ socket, root, clientName: "cpm-bench", clientVersion: "0" });
  const events = agent.watch({});
  // The first is that everything before has been told.
  await events.next();
  const samples: { readonly answerMs: number; readonly watchMs: number; readonly linkMs: number }[] = [];
  for (let patch = 0; patch < versions; patch++) {
    const version = `1.0.${patch}`;
    await publishPackage(registry, { name, version, description: "A package.", keywords: [] });
    const startedAt = performance.now();
    const since = (): number => performance.now() - startedAt;
    const ensured = agent.ensure({ package: { name, selector: { case: "range", value: version } } });
    const [answerMs, watchMs, linkMs] = await Promise.all([
      ensured.then(since),
      events.next().then(since),
      untilThere(join(root, "refs", name, version)).then(since),
    ]);
    samples.push({ answerMs, watchMs, linkMs });
  }
  await events.return(undefined);
  agent.close();
  return {
    versions,
    answerMs: medianOf(samples.map(({ answerMs }) => answerMs)),
    watchMs: medianOf(samples.map(({ watchMs }) => watchMs)),
    linkMs: medianOf(samples.map(({ linkMs }) => linkMs)),
  };
}

async function untilThere(link: string): Promise<void> {
  for (;;) {
    try {
      readlinkSync(link);
      return;
    } catch {
      // Not yet.
      await Bun.sleep(lookEveryMs);
    }
  }
}
