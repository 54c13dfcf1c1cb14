import { Cron } from "croner";
import { listIn, numberIn, states, textIn, textsIn } from "./colony-state.ts";
import type { ColonyState } from "./colony-state.ts";
import { formatTime, zeroTime } from "./go-json.ts";
import { Refusal } from "./refusal.ts";
import type { Row } from "./tables.ts";
import { parseWorkflowText, submitWorkflow } from "./workflows.ts";

const descriptors: Readonly<Record<string, string>> = {
  "@yearly": "0 0 0 1 1 *",
  "@annually": "0 0 0 1 1 *",
  "@monthly": "0 0 0 1 * *",
  "@weekly": "0 0 0 * * 0",
  "@daily": "0 0 0 * * *",
  "@midnight": "0 0 0 * * *",
  "@hourly": "0 0 * * * *",
};

/** When a cron runs next after a time, both in milliseconds. Throws the server's refusal of a wrong expression. */
export function nextRun(cron: Row, afterMs: number): number {
  const interval = numberIn(cron, "interval");
  if (interval > 0) return afterMs + interval * 1000;
  const text = textIn(cron, "cronexpression");
  const every = /^@every (?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text);
  if (every !== null) {
    return afterMs + ((Number(every[1] ?? 0) * 60 + Number(every[2] ?? 0)) * 60 + Number(every[3] ?? 0)) * 1000;
  }
  const expression = descriptors[text] ?? text;
  const fields = expression.split(/\s+/).filter((field) => field !== "");
  if (fields.length !== 6)
    throw new Refusal(400, `expected exactly 6 fields, found ${fields.length}: [${fields.join(" ")}]`);
  const next = parseExpression(expression).nextRun(new Date(afterMs));
  if (next === null) throw new Refusal(400, `the expression ${text} never comes true`);
  return next.getTime();
}

/** Starts what is due. */
export function runSchedules(state: ColonyState): void {
  const now = state.settings.now();
  for (const cron of state.crons.filter((row) => row["nextrun"] === zeroTime)) {
    state.crons.update(textIn(cron, "cronid"), { nextrun: formatTime(nextRun(cron, now)) });
  }
  for (const cron of state.crons.filter((row) => Date.parse(textIn(row, "nextrun")) <= now)) {
    if (cron["waitforprevprocessgraph"] === true && !previousHasEnded(state, cron)) continue;
    runCron(state, cron);
  }
  for (const generator of state.generators.filter(() => true)) runGenerator(state, generator, now);
}

/** Starts a cron's workflow now and plans the next run. A creator who is gone stops it silently, as on the server. */
export function runCron(state: ColonyState, cron: Row): Row {
  const colonyName = textIn(cron, "colonyname");
  const initiator = { id: textIn(cron, "initiatorid"), name: textIn(cron, "initiatorname") };
  const now = state.settings.now();
  const changes = { nextrun: formatTime(nextRun(cron, now)), lastrun: formatTime(now) };
  const id = textIn(cron, "cronid");
  if (!state.isMember(initiator.id, colonyName, false)) return state.crons.update(id, changes) ?? cron;
  const previous = state.graphs.get(textIn(cron, "prevprocessgraphid"));
  const input = previous === undefined ? [] : leafOutputs(state, previous);
  const graph = submitWorkflow(
    state,
    { ...parseWorkflowText(textIn(cron, "workflowspec")), colonyname: colonyName },
    initiator,
    { input },
  );
  return state.crons.update(id, { ...changes, prevprocessgraphid: textIn(graph, "processgraphid") }) ?? cron;
}

function runGenerator(state: ColonyState, generator: Row, now: number): void {
  const id = textIn(generator, "generatorid");
  const queue = state.packed.filter((row) => row["generatorid"] === id);
  const trigger = Math.max(1, numberIn(generator, "trigger"));
  const timeoutMs = numberIn(generator, "timeout") * 1000;
  const firstPack = Date.parse(textIn(generator, "firstpack"));
  const isLate = timeoutMs > 0 && queue.length > 0 && now - firstPack >= timeoutMs;
  if (queue.length < trigger && !isLate) return;
  const taken = queue.slice(0, trigger);
  for (const row of taken) state.packed.delete(textIn(row, "id"));
  const colonyName = textIn(generator, "colonyname");
  const initiator = { id: textIn(generator, "initiatorid"), name: textIn(generator, "initiatorname") };
  const spec = { ...parseWorkflowText(textIn(generator, "workflowspec")), colonyname: colonyName };
  submitWorkflow(state, spec, initiator, { args: taken.map((row) => row["arg"] ?? "") });
  state.generators.update(id, {
    lastrun: formatTime(now),
    firstpack: queue.length > taken.length ? formatTime(now) : zeroTime,
  });
}

function parseExpression(expression: string): Cron {
  try {
    return new Cron(expression, { timezone: "UTC", paused: true });
  } catch (error) {
    throw new Refusal(400, error instanceof Error ? error.message : "failed to parse the expression");
  }
}

function previousHasEnded(state: ColonyState, cron: Row): boolean {
  const previous = state.graphs.get(textIn(cron, "prevprocessgraphid"));
  return previous === undefined || previous["state"] === states.success || previous["state"] === states.failed;
}

function leafOutputs(state: ColonyState, graph: Row) {
  return textsIn(graph, "processids").flatMap((id) => {
    const process = state.processes.get(id);
    return process === undefined || listIn(process, "children").length > 0 ? [] : listIn(process, "out");
  });
}
