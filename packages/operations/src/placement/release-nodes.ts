import type { ReportProgress } from "../progress.ts";
import { agentNodes } from "./agent-nodes.ts";
import type { CallContext } from "./call-nodes.ts";
import { callNodes } from "./call-nodes.ts";

/** An agent that lives takes a call at once. */
const defaultReleaseTimeoutMs = 30_000;

/**
 * Tells agents that a release needs its packages no more: from now on they may be collected. Answers a note for each
 * node that could not be told, since a node that is away is no reason not to go on. May be repeated.
 */
export async function releaseNodes(
  release: string,
  names: readonly string[],
  context: CallContext,
  report: ReportProgress,
  timeoutMs: number = defaultReleaseTimeoutMs,
): Promise<readonly string[]> {
  if (names.length === 0) return [];
  const agents = agentNodes(await context.client.executors.list({ signal: context.signal }));
  const known = names.filter((name) => agents.some((node) => node.name === name && node.state === "approved"));
  const calls = known.map((node) => ({
    node,
    subject: `letting the packages of ${release} go`,
    functionName: "cpm.release" as const,
    kwargs: { holder: release },
  }));
  const answers = await callNodes(calls, { timeoutMs }, context, report);
  const gone = names
    .filter((name) => !known.includes(name))
    .map((name) => [name, "it is no agent of the colony any more"]);
  const failed = answers.flatMap(({ call, failure }) => (failure === undefined ? [] : [[call.node, failure.message]]));
  return [...gone, ...failed].map(([name, why]) => `${name} still keeps the packages of "${release}": ${why}`);
}
