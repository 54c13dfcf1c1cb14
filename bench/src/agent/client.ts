// Measured: `client readlink|hold|resolve SOCKET ROOT NAME VERSION CALLS`, as the Go program beside it does it.
import { readlinkSync } from "node:fs";
import { join } from "node:path";
import { openAgent } from "@cpm/agent-client";

/** Calls that are not counted: connections are made and code is compiled meanwhile. */
const warmUp = 2000;

const [mode = "", socket = "", root = "", name = "", version = "", count = ""] = process.argv.slice(2);
const calls = Number(count);
const agent = openAgent({ socket, root, clientName: "cpm-bench", clientVersion: "0" });
const link = join(root, "refs", name, version);
const selector = { case: "range", value: version } as const;
const operations: Readonly<Record<string, () => unknown>> = {
  readlink: () => readlinkSync(link),
  async hold() {
    await using _held = await agent.holdPackage(`${name}@${version}`);
  },
  resolve: () => agent.resolve({ package: { name, selector } }),
};
const operation = operations[mode];
if (operation === undefined) throw new Error(`mode "${mode}"`);
const times = new Float64Array(calls);
for (let index = -warmUp; index < calls; index++) {
  const startedAt = performance.now();
  const answer = operation();
  if (answer instanceof Promise) await answer;
  if (index >= 0) times[index] = performance.now() - startedAt;
}
agent.close();
times.sort();
const us = (part: number): number => (times[Math.floor((calls * part) / 100)] ?? Number.NaN) * 1000;
process.stdout.write(`${JSON.stringify({ calls: calls + warmUp, p50Us: us(50), p99Us: us(99) })}\n`);
