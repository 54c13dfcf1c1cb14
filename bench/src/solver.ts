import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { isCpmError } from "@cpm/base";
import { solve } from "@cpm/solver";
import type { Provider, Requirement, SolveOptions, Work } from "@cpm/solver";
import { parseUniverses, universeProvider } from "@cpm/solver/testing";
import type { Contender } from "./measure.ts";
import { measure } from "./measure.ts";
import { compare, formatResults } from "./report.ts";
import { answerPython, pythonName } from "./python-index.ts";
import { Scratch } from "./scratch.ts";
import { createIndex, indexProvider, rootRequirements } from "./solver-index.ts";
import type { IndexedPackage, IndexShape } from "./solver-index.ts";
import { toPackument, writeCrate, writeCrateIndex } from "./solver-sources.ts";

/**
 * The solver by itself, and as a whole process beside uv, cargo and npm. uv has the same question: one version of each
 * package. cargo and npm have an easier one: they may take several, so they never have to look back. A peer that is not
 * on the path is left out, and said so.
 */
const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    packages: { type: "string", default: "5000" },
    versions: { type: "string", default: "50" },
    /** So many packages does a version need, on average. */
    dependencies: { type: "string", default: "2" },
    seed: { type: "string", default: "1" },
    /** The size of the peers' index: with 5 000 packages npm alone took 4 GB of memory and more than two minutes. */
    peers: { type: "string", default: "500" },
    alone: { type: "boolean", default: false },
  },
});
const rounds = Number(options.rounds);
const shape: IndexShape = {
  packages: Number(options.packages),
  versions: Number(options.versions),
  dependencies: Number(options.dependencies),
  seed: Number(options.seed),
};

const index = createIndex(shape);
note(
  `${shape.packages} packages of ${shape.versions} versions, about ${shape.dependencies} needs each, seed ${shape.seed}`,
);
await measureAlone();
if (!options.alone) await measureBesidePeers();

async function measureAlone(): Promise<void> {
  const everything = rootRequirements(shape.packages);
  print(["question", "verdict", "decisions", "steps", "wall, first", "wall, median"]);
  print(["---", "---", "---", "---", "---", "---"]);
  const solution = await report("all packages of the index", everything, () => indexProvider(index), {});
  await report("40 packages of it", rootRequirements(40), () => indexProvider(index), {});
  if (solution !== undefined)
    await report("the same again, locked", everything, () => indexProvider(index), { locked: solution });
  for (const suite of ["pub", "packse"]) await reportSlowest(suite);
}

async function report(
  name: string,
  requirements: readonly Requirement[],
  provider: () => Provider,
  solveOptions: SolveOptions,
): Promise<SolveOptions["locked"]> {
  const times: number[] = [];
  let last: { packages: SolveOptions["locked"]; verdict: string; work: Work } | undefined;
  for (let round = 0; round < rounds; round++) {
    const startedAt = performance.now();
    last = await outcome(requirements, provider(), solveOptions);
    times.push(performance.now() - startedAt);
  }
  const { verdict = "", work } = last ?? {};
  print([
    name,
    verdict,
    String(work?.decisions),
    String(work?.steps),
    milliseconds(times[0]),
    milliseconds(median(times)),
  ]);
  return last?.packages;
}

async function reportSlowest(suite: string): Promise<void> {
  const path = new URL(`../../packages/solver/src/testdata/${suite}.universe`, import.meta.url);
  const cases = parseUniverses(readFileSync(path, "utf8"));
  const times: (readonly [string, number])[] = [];
  for (const universe of cases) {
    const startedAt = performance.now();
    await outcome(universe.requirements, universeProvider(universe), universe.options);
    times.push([universe.title, performance.now() - startedAt]);
  }
  const [title, slowest] = times.toSorted((left, right) => right[1] - left[1])[0] ?? ["", 0];
  print([`${cases.length} scenarios of ${suite}, the slowest (${title})`, "", "", "", milliseconds(slowest), ""]);
}

async function outcome(requirements: readonly Requirement[], provider: Provider, solveOptions: SolveOptions) {
  try {
    const { packages, work } = await solve(requirements, provider, solveOptions);
    return { packages, verdict: `${packages.size} packages`, work };
  } catch (error) {
    if (!isCpmError(error)) throw error;
    return { packages: undefined, verdict: error.code, work: error.context?.["work"] as Work };
  }
}

async function measureBesidePeers(): Promise<void> {
  const scratch = new Scratch();
  const smaller = createIndex({ ...shape, packages: Number(options.peers) });
  const registry = serve(smaller);
  try {
    const origin = registry.url.origin;
    const crates = scratch.path("crates");
    writeCrateIndex(crates, smaller);
    const names = smaller.map(({ name }) => name);
    const command = new URL("./solver-command.ts", import.meta.url).pathname;
    const ours = (...args: readonly string[]): Contender => ({
      name: `our solver, index from ${args[0]}`,
      command: () => [process.execPath, command, ...args, String(names.length)],
    });
    const cargo: Contender = {
      name: "cargo generate-lockfile, the same files",
      prepare: (directory) => writeCrate(directory, crates, names),
      command: (directory) => ["bash", "-c", `cd '${directory}' && cargo generate-lockfile --offline --quiet`],
    };
    const npm: Contender = {
      name: "npm install --package-lock-only, the same server",
      prepare: (directory) => writeFileSync(`${directory}/package.json`, packageJson(names)),
      command: (directory) => ["bash", "-c", npmScript(directory, origin)],
    };
    const uv: Contender = {
      name: "uv pip compile, the same server",
      prepare: (directory) => writeFileSync(`${directory}/requirements.in`, names.map(pythonName).join("\n")),
      command: (directory) => ["bash", "-c", uvScript(directory, origin)],
    };
    const results = [];
    for (const [program, own, peer] of [
      ["uv", ours("http", origin), uv],
      ["cargo", ours("files", crates), cargo],
      ["npm", ours("http", origin), npm],
    ] as const) {
      if (Bun.which(program) === null) {
        note(`${program} is not on the path, and left out`);
        continue;
      }
      const [first = [], second = []] = await measure([own, peer], rounds, scratch.ground(1e6, "small"));
      results.push(compare(own.name, peer.name, first, second));
    }
    process.stdout.write(`\n${formatResults(results)}\n`);
  } finally {
    await registry.stop(true);
    scratch.remove();
  }
}

function serve(packages: readonly IndexedPackage[]): ReturnType<typeof Bun.serve> {
  const byName = new Map(packages.map((entry) => [`@${entry.name}`, entry]));
  const projects = new Map(packages.map((entry) => [pythonName(entry.name), entry]));
  const bodies = new Map<string, string>();
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      const { pathname, origin } = new URL(request.url);
      const python = answerPython(projects, pathname);
      if (python !== undefined) return python;
      const name = decodeURIComponent(pathname.slice(1));
      const found = byName.get(name);
      if (found === undefined) return new Response("not found", { status: 404 });
      const body = bodies.get(name) ?? JSON.stringify(toPackument(found, origin));
      bodies.set(name, body);
      return new Response(body, { headers: { "content-type": "application/json" } });
    },
  });
}

function packageJson(names: readonly string[]): string {
  const dependencies = Object.fromEntries(names.map((name) => [`@${name}`, "*"]));
  return JSON.stringify({ name: "root", version: "1.0.0", dependencies });
}

function npmScript(directory: string, origin: string): string {
  const quiet = "--ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error";
  return `cd '${directory}' && npm install --package-lock-only ${quiet} --cache '${directory}/cache' --registry ${origin}`;
}

function uvScript(directory: string, origin: string): string {
  const quiet = "--quiet --no-header --no-annotate --no-build --no-config --output-file requirements.txt";
  const index = `--cache-dir '${directory}/cache' --default-index ${origin}/simple`;
  return `cd '${directory}' && uv pip compile requirements.in ${quiet} ${index}`;
}

function median(times: readonly number[]): number | undefined {
  return times.toSorted((left, right) => left - right)[times.length >> 1];
}

function milliseconds(time: number | undefined): string {
  return time === undefined ? "" : `${time.toFixed(time < 10 ? 2 : 0)} ms`;
}

function print(cells: readonly string[]): void {
  process.stdout.write(`| ${cells.join(" | ")} |\n`);
}

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}
