import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface ConformanceTarget {
  readonly host: string;
  readonly mode: "1.1" | "dev";
  readonly username: string;
  readonly password: string;
  /** Two repositories that the user may push to and delete from. */
  readonly repositories: readonly [string, string];
  /** Where the reports go; must be there. */
  readonly resultsFolder: string;
}

export interface ConformanceReport {
  /** How many checks ended how, as the program counts: `Pass`, `Skip`, `Total` and so on. */
  readonly counts: Readonly<Record<string, number>>;
  /** Every endpoint and kind of data, and how the worst of its checks ended (`results.yaml`). */
  readonly statuses: Readonly<Record<string, string>>;
}

/**
 * Runs the program and reads what it reports: its exit status does not show what was skipped, nor that it could not
 * run. Nothing of the environment but the path reaches it.
 */
export async function runConformance(executable: string, target: ConformanceTarget): Promise<ConformanceReport> {
  const child = Bun.spawn([executable], {
    cwd: target.resultsFolder,
    env: {
      PATH: process.env["PATH"] ?? "",
      OCI_REGISTRY: target.host,
      OCI_TLS: "disabled",
      OCI_VERSION: target.mode,
      OCI_USERNAME: target.username,
      OCI_PASSWORD: target.password,
      OCI_REPO1: target.repositories[0],
      OCI_REPO2: target.repositories[1],
      OCI_RESULTS_DIR: target.resultsFolder,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const output = await new Response(child.stdout).text();
  await child.exited;
  const results = Bun.YAML.parse(readFileSync(join(target.resultsFolder, "results.yaml"), "utf8")) as Results;
  return { counts: readCounts(output), statuses: { ...results.apis, ...results.data } };
}

interface Results {
  readonly apis: Readonly<Record<string, string>>;
  readonly data: Readonly<Record<string, string>>;
}

/** The lines `Pass..........: 860` of the summary, which come before those about endpoints. */
function readCounts(output: string): Record<string, number> {
  const lines = [...output.matchAll(/^ {2}([A-Z][A-Za-z]+)\.+: +(\d+)$/gm)];
  return Object.fromEntries(lines.map(([, name = "", count]) => [name, Number(count)]));
}
