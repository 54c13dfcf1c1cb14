import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What the contract was at its last release. It changes with a release and at no other time. */
export const goldenImage = "proto/golden/agent-v1.binpb";
const generatedFolder = "packages/agent-client/gen";
const template = "proto/buf.gen.yaml";

/** What is wrong with the contract in `protoFolder`, in buf's words; empty when nothing is. */
export async function contractFaults(root: string, protoFolder = join(root, "proto")): Promise<string> {
  const breaking = ["breaking", "--against", join(root, goldenImage)];
  return (await buf(root, "lint", protoFolder)) + (await buf(root, ...breaking, protoFolder));
}

/** The files of generated code that are not what the contract generates now. */
export async function outdatedCode(root: string): Promise<readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), "cpm-contract-"));
  try {
    const failure = await buf(root, "generate", join(root, "proto"), "--template", template, "--output", folder);
    if (failure !== "") throw new Error(failure);
    const [committed, made] = [join(root, generatedFolder), join(folder, generatedFolder)].map(textsOf);
    const paths = new Set([...(committed?.keys() ?? []), ...(made?.keys() ?? [])]);
    return [...paths].filter((path) => committed?.get(path) !== made?.get(path)).toSorted();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function textsOf(folder: string): ReadonlyMap<string, string> {
  const paths = [...new Bun.Glob("**/*").scanSync({ cwd: folder })];
  return new Map(paths.map((path) => [path, readFileSync(join(folder, path), "utf8")]));
}

/** What buf says when it fails; empty when it succeeds. It needs no network. */
async function buf(root: string, ...args: readonly string[]): Promise<string> {
  const child = Bun.spawn([join(root, "node_modules/.bin/buf"), ...args], {
    cwd: root,
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, status] = await Promise.all([textOf(child.stdout), textOf(child.stderr), child.exited]);
  return status === 0 ? "" : `${out}${err}`;
}

function textOf(stream: ReadableStream): Promise<string> {
  return new Response(stream).text();
}

const usage = `bun run contract [--check | --release]

  (nothing)        generates the code of proto/ again
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
  process.stdout.write(faults);
  if (faults !== "") return 1;
  if (mode === "--release") {
    const image = ["build", "proto", "--path", "proto/cpm", "--exclude-source-info", "--output", goldenImage];
    return report(await buf(root, ...image));
  }
  if (mode === "--generate") return report(await buf(root, "generate", "proto", "--template", template));
  const outdated = await outdatedCode(root);
  for (const path of outdated)
    process.stdout.write(`not up to date, run \`bun run contract\`: ${generatedFolder}/${path}\n`);
  return outdated.length === 0 ? 0 : 1;
}

function report(failure: string): number {
  process.stdout.write(failure);
  return failure === "" ? 0 : 1;
}

if (import.meta.main) process.exitCode = await main(join(import.meta.dir, "../.."), process.argv.slice(2));
