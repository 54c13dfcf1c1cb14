import type { JsonObject, JsonValue } from "@cpm/base";
import { isJsonObject } from "@cpm/base";
import { isFinal, watchProcess } from "@cpm/colonies";
import type { ColoniesClient, FunctionSpec, Process } from "@cpm/colonies";
import { operationError } from "../errors.ts";
import type { ReportProgress } from "../progress.ts";
import { whenPresent } from "../resources/resource-handler.ts";
import { agentExecutorType, agentNodes, describeSilence } from "./agent-nodes.ts";
import type { NodeFailure, NodeLimits } from "./node-failure.ts";
import { describeFailure } from "./node-failure.ts";

/** One function of one node's agent. */
export interface NodeCall {
  readonly node: string;
  readonly functionName: "cpm.ensure" | "cpm.release" | "cpm.verify";
  readonly kwargs: JsonObject;
  /** What it is about, for people. */
  readonly subject: string;
  /** Puts marks on what is submitted, by which it is found again. Default: none. */
  readonly stamp?: (spec: JsonObject) => JsonObject;
}

export interface NodeAnswer {
  readonly call: NodeCall;
  /** The first output of a call that succeeded. */
  readonly output?: JsonObject;
  readonly failure?: NodeFailure;
}

export interface CallContext {
  readonly client: ColoniesClient;
  readonly signal?: AbortSignal | undefined;
}

interface SubmittedCall {
  readonly call: NodeCall;
  seen: Process;
}

/** What a timer can hold: 24 days. */
const maxTimerMs = 2 ** 31 - 1;
/** Calls that are submitted at once. */
const submitWidth = 16;

/**
 * Submits a process for each call, waits for all and answers each, in the order of the calls; a call that fails is an
 * answer, not an error. What has not ended in time is cancelled. An interrupt cancels everything and throws
 * `release/interrupted`; so does a colony that cannot be asked, with its own error.
 */
export async function callNodes(
  calls: readonly NodeCall[],
  limits: NodeLimits,
  context: CallContext,
  report: ReportProgress,
): Promise<readonly NodeAnswer[]> {
  const { client, signal } = context;
  const ended = new AbortController();
  const timer = setTimeout(() => ended.abort(), Math.min(limits.timeoutMs, maxTimerMs));
  const both = AbortSignal.any([ended.signal, ...(signal === undefined ? [] : [signal])]);
  const submitted: SubmittedCall[] = [];
  try {
    await submitAll(calls, limits, context, submitted);
    await Promise.all(
      submitted.map(async (entry) => {
        for await (const seen of watch(entry.seen, entry.call, both, client, report)) entry.seen = seen;
      }),
    );
  } catch (error) {
    if (signal?.aborted !== true) throw error;
    throw operationError("release/interrupted", "interrupted", { cause: error });
  } finally {
    clearTimeout(timer);
    ended.abort();
    await cancelUnended(
      submitted.map(({ seen }) => seen),
      client,
    );
  }
  return describeAnswers(submitted, limits, context);
}

/** What was submitted is known before anything is thrown, so that it can be cancelled. */
async function submitAll(
  calls: readonly NodeCall[],
  limits: NodeLimits,
  { client, signal }: CallContext,
  submitted: SubmittedCall[],
): Promise<void> {
  for (let at = 0; at < calls.length; at += submitWidth) {
    signal?.throwIfAborted();
    const batch = calls.slice(at, at + submitWidth);
    const results = await Promise.allSettled(
      batch.map(async (call) => ({ call, seen: await submit(call, limits, client) })),
    );
    submitted.push(...results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : [])));
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }
}

async function submit(call: NodeCall, limits: NodeLimits, client: ColoniesClient): Promise<Process> {
  const seconds = (durationMs: number) => Math.max(1, Math.ceil(Math.min(durationMs, maxTimerMs) / 1000));
  const { timeoutMs, waitMs = timeoutMs } = limits;
  const spec: JsonObject = {
    funcname: call.functionName,
    kwargs: call.kwargs,
    // The colony keeps to the limits too, should nobody wait any more. What was not done in time is not tried again.
    maxwaittime: seconds(Math.min(waitMs, timeoutMs)),
    maxexectime: seconds(timeoutMs),
    maxretries: 0,
    conditions: { executortype: agentExecutorType, executornames: [call.node] },
  };
  return client.processes.submit((call.stamp?.(spec) ?? spec) as FunctionSpec);
}

/** The states of a process until it ends or the time is over; an interrupt is thrown by who waits for all. */
async function* watch(
  submitted: Process,
  call: NodeCall,
  signal: AbortSignal,
  client: ColoniesClient,
  report: ReportProgress,
): AsyncGenerator<Process> {
  const label = `${call.node}: ${call.subject}`;
  try {
    for await (const process of watchProcess(client, submitted.id, { signal, pollMs: 1000 })) {
      const finished = isFinal(process.state);
      const failed = finished && process.state !== "success";
      report({ id: submitted.id, label, state: process.state, finished, failed });
      yield process;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** By calls of their own, which no interrupt stops. One that cannot be cancelled ends by the colony's limits. */
async function cancelUnended(processes: readonly Process[], client: ColoniesClient): Promise<void> {
  const unended = processes.filter(({ state }) => !isFinal(state));
  await Promise.allSettled(unended.map(({ id }) => whenPresent(() => client.processes.cancel(id))));
}

async function describeAnswers(
  submitted: readonly SubmittedCall[],
  { timeoutMs, waitMs = timeoutMs }: NodeLimits,
  { client, signal }: CallContext,
): Promise<readonly NodeAnswer[]> {
  if (signal?.aborted === true) throw operationError("release/interrupted", "interrupted");
  const failed = submitted.some(({ seen }) => seen.state !== "success");
  const nodes = failed ? agentNodes(await client.executors.list({ signal })) : [];
  return submitted.map(({ call, seen }) => {
    if (seen.state === "success") return { call, output: firstObject(seen.output) };
    const silence = describeSilence(nodes.find(({ name }) => name === call.node) ?? { lastHeardAt: undefined });
    return { call, failure: describeFailure(seen, silence, { timeoutMs, waitMs }) };
  });
}

function firstObject([first]: readonly JsonValue[]): JsonObject {
  return first !== undefined && isJsonObject(first) ? first : {};
}
