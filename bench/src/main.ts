import { cpus, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { formatBytes } from "@cpm/base";
import { benchAgent } from "./agent/agent-bench.ts";
import { benchEnsure } from "./agent/ensure.ts";
import { formatAgentResults } from "./agent/report.ts";
import type { Comparison } from "./comparisons.ts";
import { packComparison, prepareContent, pullComparison, startComparisons, unpackComparison } from "./comparisons.ts";
import { fullShape, quickShape } from "./inputs.ts";
import { measure } from "./measure.ts";
import { nothingToDoComparisons } from "./nothing-to-do.ts";
import { startRegistry } from "./registry-process.ts";
import { benchRegistry } from "./registry/registry-bench.ts";
import { formatRegistryResults } from "./registry/report.ts";
import type { Result } from "./report.ts";
import { compare, formatResults } from "./report.ts";
import { Scratch } from "./scratch.ts";

const groups = ["start", "pack", "unpack", "pull", "solver", "registry", "agent"] as const;
type Group = (typeof groups)[number];

const usage = `bun run bench [--quick] [--rounds N] [--only GROUP]… [--json]

Measures our programs and what people use for the same, in turn, as whole processes, and prints ratios.

  --quick        64 MB and 3000 files instead of 1 GB and 50 000 files
  --rounds N     how often each is measured, besides once to warm up (default 5)
  --only GROUP   start, pack, unpack, pull, solver, registry or agent; may be repeated (default all)
  --json         the figures as a document instead of the table
  --help         this text
`;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  let options;
  try {
    options = readOptions(args);
  } catch (error) {
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    return 2;
  }
  if (options === "help") {
    process.stdout.write(usage);
    return 0;
  }
  const scratch = new Scratch();
  try {
    const results: Result[] = [];
    const run = async (comparison: Comparison): Promise<void> => {
      results.push(...(await runComparison(comparison, options.rounds)));
    };
    await runAll(scratch, options, run);
    if (options.only.has("agent")) results.push(...(await benchEnsure(scratch, { ...options, note })));
    const registries = options.only.has("registry") ? await benchRegistry(scratch, { ...options, note }) : [];
    const agent = options.only.has("agent") ? await benchAgent(scratch, { ...options, note }) : undefined;
    const tables = [
      ...(results.length === 0 ? [] : [formatResults(results)]),
      ...(registries.length === 0 ? [] : [formatRegistryResults(registries)]),
      ...(agent === undefined ? [] : [formatAgentResults(agent)]),
    ];
    const document = JSON.stringify({ commands: results, registries, agent }, null, 2);
    if (options.json) process.stdout.write(`${document}\n`);
    else if (tables.length > 0) process.stdout.write(`${tables.join("\n\n")}\n`);
    return 0;
  } finally {
    scratch.remove();
  }
}

async function runAll(
  scratch: Scratch,
  options: SolverOptions & { readonly only: ReadonlySet<Group> },
  run: (comparison: Comparison) => Promise<void>,
): Promise<void> {
  const { only, quick } = options;
  note(`${cpus().length} cores, ${formatBytes(totalmem())} of memory, everything under ${scratch.root}`);
  if (only.has("start")) {
    for (const comparison of startComparisons(scratch)) await run(comparison);
    for (const comparison of await nothingToDoComparisons(scratch)) await run(comparison);
  }
  if (only.has("solver")) await runSolver(options);
  if (!only.has("pack") && !only.has("unpack") && !only.has("pull")) return;
  const registry = only.has("pull") ? await startRegistry(scratch.root) : undefined;
  try {
    for (const kind of ["large", "small"] as const) {
      const content = prepareContent(scratch, kind, quick ? quickShape : fullShape);
      if (only.has("pack")) await run(packComparison(scratch, content));
      if (only.has("unpack")) await run(unpackComparison(scratch, content));
      if (registry !== undefined) await run(await pullComparison(scratch, content, registry));
    }
  } finally {
    await registry?.stop();
  }
}

interface SolverOptions {
  readonly quick: boolean;
  readonly rounds: number;
  readonly json: boolean;
}

/** A table of its own, in a process of its own: it counts decisions as well, and its garbage would slow the rest. */
async function runSolver({ quick, rounds, json }: SolverOptions): Promise<void> {
  const script = new URL("./solver.ts", import.meta.url).pathname;
  const sizes = quick ? ["--packages", "500", "--peers", "100"] : [];
  const child = Bun.spawn([process.execPath, script, "--rounds", String(rounds), ...sizes], {
    stdio: ["ignore", json ? process.stderr.fd : "inherit", "inherit"],
  });
  if ((await child.exited) !== 0) throw new Error("the measurement of the solver failed");
}

async function runComparison(comparison: Comparison, rounds: number): Promise<Result[]> {
  const { ours, peers, ground, repeat = 1 } = comparison;
  const [own = [], ...others] = await measure([ours, ...peers], rounds * repeat, ground);
  const results = peers.map((peer, index) => compare(ours.name, peer.name, own, others[index] ?? []));
  for (const { peer, wallRatio, cpuRatio } of results)
    note(`${ours.name} ÷ ${peer}: wall ${wallRatio.median.toFixed(2)}, CPU ${cpuRatio.median.toFixed(2)}`);
  return results;
}

function readOptions(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      rounds: { type: "string", default: "5" },
      only: { type: "string", multiple: true, default: [...groups] },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) return "help" as const;
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100) throw new Error(`--rounds is "${values.rounds}"`);
  const only = new Set(values.only.map(parseGroup));
  return { quick: values.quick, json: values.json, rounds, only };
}

function parseGroup(text: string): Group {
  const group = groups.find((name) => name === text);
  if (group === undefined) throw new Error(`--only is "${text}", not one of ${groups.join(", ")}`);
  return group;
}

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}
