import { join } from "node:path";
import { parseArgs } from "node:util";

/** Tests that are worth far more time than the test command has. A campaign is a row. */
interface Campaign {
  readonly name: string;
  readonly about: string;
  readonly tests: readonly string[];
  /** Only tests of this name; default: all of the files. */
  readonly only?: string;
  /** So many times as often as in the test command each property is tried, unless `--factor` says otherwise. */
  readonly factor: number;
}

const campaigns: readonly Campaign[] = [
  {
    name: "solver-oracle",
    about: "100 000 random universes: the solver's verdict is the SAT solver's (a quarter of an hour)",
    tests: ["packages/solver/src/oracle.test.ts"],
    factor: 50,
  },
  {
    name: "ranges",
    about: "1 000 000 pairs: range arithmetic agrees with node-semver (two minutes)",
    tests: ["packages/solver/src/version-set.test.ts"],
    factor: 10,
  },
  {
    name: "registry-http",
    about: "60 000 requests of any kind: none ends in a failure of the registry (minutes)",
    tests: ["tests/src/registry/fuzz.test.ts"],
    only: "whatever is sent",
    factor: 20,
  },
  {
    name: "registry-collection",
    about: "2 000 pushes that race with a collection, by each database: what was pushed is whole (minutes)",
    tests: ["apps/registry/src/collect/collect.test.ts", "tests/src/registry/postgres-database.test.ts"],
    only: "whatever a client does",
    factor: 20,
  },
  {
    name: "registry-peers",
    about:
      "helm, cosign and distribution, which are slow to build, and a blob of 10 GB (a quarter of an hour, 30 GB of disk)",
    // The path of a file that the test command does not run begins with a dot.
    tests: [
      "./tests/src/registry/clients/helm.campaign.ts",
      "./tests/src/registry/clients/cosign.campaign.ts",
      "./tests/src/registry/backing/distribution.campaign.ts",
      "./tests/src/registry/large-blob.campaign.ts",
    ],
    factor: 1,
  },
  {
    name: "agent-kills",
    about: "400 workers and 200 agents killed at any instant leave a whole tree or none (ten minutes)",
    tests: ["apps/agent/src/worker/kill-worker.test.ts", "tests/src/agent/kills.test.ts"],
    only: "at any instant",
    factor: 40,
  },
  {
    name: "agent-hostile",
    about: "every hostile archive through a whole agent: nothing is touched, nothing is seen (a minute)",
    tests: ["tests/src/agent/hostile.test.ts"],
    factor: 12,
  },
  {
    name: "agent-power-cut",
    about: "200 power cuts: what was answered is there, and all of it is whole (minutes; root and btrfs-progs)",
    tests: ["tests/src/agent/power-cut.test.ts"],
    only: "at any instant",
    factor: 50,
  },
  {
    name: "agent-large-layer",
    about:
      "a layer of 10 GB and half a million files in a worker of 256 MB, and through a whole agent (half an hour, 20 GB of disk)",
    tests: ["./tests/src/agent/large-layer.campaign.ts", "./tests/src/agent/large-package.campaign.ts"],
    factor: 1,
  },
];

/** No test of a campaign may take longer; a property that hangs ends it. */
const mostMinutes = 60;

const usage = `bun run campaign [NAME]… [--factor N] [--seed N]

${campaigns.map(({ name, about }) => `  ${name.padEnd(20)} ${about}`).join("\n")}

  --factor N       how many times as often as in the test command (default: each campaign's own)
  --seed N         repeats a run; a run prints its seed
  --help           this text
`;

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));

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
  const failed: string[] = [];
  for (const campaign of options.chosen) {
    const factor = options.factor ?? campaign.factor;
    process.stdout.write(`${campaign.name}: factor ${factor}, seed ${options.seed}\n`);
    if ((await run(campaign, factor, options.seed)) !== 0) failed.push(campaign.name);
  }
  process.stdout.write(failed.length === 0 ? "all campaigns hold\n" : `failed: ${failed.join(", ")}\n`);
  return failed.length === 0 ? 0 : 1;
}

async function run({ tests, only }: Campaign, factor: number, seed: number): Promise<number> {
  const named = only === undefined ? [] : [`--test-name-pattern=${only}`];
  const child = Bun.spawn([process.execPath, "test", `--timeout=${mostMinutes * 60_000}`, ...named, ...tests], {
    cwd: join(import.meta.dir, "../.."),
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, CPM_TEST_FACTOR: String(factor), CPM_TEST_SEED: String(seed) },
  });
  return await child.exited;
}

function readOptions(args: readonly string[]) {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { factor: { type: "string" }, seed: { type: "string" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help === true) return "help" as const;
  const chosen = positionals.length === 0 ? campaigns : positionals.map(campaignNamed);
  const factor = values.factor === undefined ? undefined : atLeastOne("--factor", values.factor);
  const seed = values.seed === undefined ? 1 + (Date.now() % 1_000_000_000) : atLeastOne("--seed", values.seed);
  return { chosen, factor, seed };
}

function campaignNamed(name: string): Campaign {
  const found = campaigns.find((campaign) => campaign.name === name);
  if (found === undefined)
    throw new Error(`"${name}" is none of the campaigns ${campaigns.map((campaign) => campaign.name).join(", ")}`);
  return found;
}

function atLeastOne(name: string, text: string): number {
  const value = Number(text);
  if (!(value >= 1)) throw new Error(`${name} is "${text}", not a number from 1 on`);
  return value;
}
