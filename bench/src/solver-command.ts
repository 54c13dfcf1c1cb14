import { solve } from "@cpm/solver";
import type { Candidate, Provider } from "@cpm/solver";
import { reportPeakMemory } from "./peak-memory.ts";
import { candidatesOf, rootRequirements } from "./solver-index.ts";
import { fromPackument, readCrate } from "./solver-sources.ts";

/** One resolution as a whole process: `files DIRECTORY COUNT`, or `http ORIGIN COUNT`. */
const [source = "", where = "", count = ""] = process.argv.slice(2);

async function fetched(name: string): Promise<readonly Candidate[] | undefined> {
  const response = await fetch(`${where}/${encodeURIComponent(`@${name}`)}`);
  if (response.status === 404) return undefined;
  return candidatesOf(fromPackument(name, (await response.json()) as Parameters<typeof fromPackument>[1]));
}

const provider: Provider = {
  versions: source === "http" ? fetched : (name) => candidatesOf(readCrate(where, name)),
  dependencies: () => ({ unusable: "was listed without its dependencies" }),
};
const { packages, work } = await solve(rootRequirements(Number(count)), provider);
process.stdout.write(`${packages.size} packages, ${work.decisions} decisions\n`);
reportPeakMemory();
