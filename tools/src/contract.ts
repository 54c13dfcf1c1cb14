import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buf } from "./contract/buf.ts";
import { codeTargets } from "./contract/code-targets.ts";
import type { CodeTarget } from "./contract/code-targets.ts";

/** What the contract was at its last release. It changes with a release and at no other time. */
const goldenImage = "proto/golden/agent-v1.binpb";

/** What is wrong with the contract in `protoFolder`, in buf's words; empty when nothing is. */
export async function contractFaults(root: string, protoFolder = join(root, "proto")): Promise<string> {
  const breaking = ["breaking", "--against", join(root, goldenImage)];
  return (await buf(root, "lint", protoFolder)) + (await buf(root, ...breaking, protoFolder));
}

/** The files of a language's generated code that are not what the contract generates now. */
export async function outdatedCode(root: string, { generate, folder }: CodeTarget): Promise<readonly string[]> {
  const scratch = mkdtempSync(join(tmpdir(), "cpm-contract-"));
  try {
    const failure = await generate(root, scratch);
    if (failure !== "") throw new Error(failure);
    const committed = textsOf(join(root, folder));
    const made = textsOf(join(scratch, folder));
    const paths = new Set([...committed.keys(), ...made.keys()]);
    return [...paths].filter((path) => committed.get(path) !== made.get(path)).toSorted();
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function textsOf(folder: string): ReadonlyMap<string, string> {
  const paths = [...new Bun.Glob("**/*.*").scanSync({ cwd: folder })].filter((path) => !path.endsWith(".pyc"));
  return new Map(paths.map((path) => [path, readFileSync(join(folder, path), "utf8")]));
}

const usage = `bun run contract [--check | --release]

  (nothing)        generates the code of proto/ again, in each language whose tools are here
  --check          only says whether the contract may stand as it is, and whether the code is what it generates
  --release        makes the contract as it is the one that must never be broken: ${goldenImage}
`;

async function main(root: string, args: readonly string[]): Promise<number> {
  const [mode = "--generate"] = args;
  if (args.length > 1 || !["--generate", "--check", "--release"].includes(mode)) {
    process.stderr.write(usage);
    return 2;
  }
  const faults = mode === "--generate" ? "" : await contractFaults(root);
  if (faults !== "") return report(faults);
  if (mode === "--release") {
    const image = ["build", "proto", "--path", "proto/cpm", "--exclude-source-info", "--output", goldenImage];
    return report(await buf(root, ...image));
  }
  let status = 0;
  for (const target of codeTargets) {
    const reason = target.whyNot();
    if (reason !== undefined) process.stdout.write(`no ${target.language}: ${reason}\n`);
    else status ||= mode === "--check" ? await check(root, target) : report(await target.generate(root, root));
  }
  return status;
}

async function check(root: string, target: CodeTarget): Promise<number> {
  const outdated = await outdatedCode(root, target);
  return report(
    outdated.map((path) => `not up to date, run \`bun run contract\`: ${target.folder}/${path}\n`).join(""),
  );
}

function report(failure: string): number {
  process.stdout.write(failure);
  return failure === "" ? 0 : 1;
}

if (import.meta.main) process.exitCode = await main(join(import.meta.dir, "../.."), process.argv.slice(2));
