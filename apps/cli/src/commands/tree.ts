import type { Lockfile } from "@cpm/model";
import { defineCommand } from "../command.ts";
import type { CliContext } from "../context.ts";
import { formatTree } from "../render-lock.ts";

export const tree = defineCommand({
  name: "tree",
  summary: "Show what a package needs, as a tree",
  description:
    "Of cpm.lock as it is, or of the lockfile in a bundle; asks no registry. With --invert it shows what needs one package.",
  arguments: [{ name: "directory", description: "default: here", optional: true, complete: "files" }],
  options: {
    invert: { type: "string", value: "NAME", description: "Show what needs this package." },
    from: { type: "string", value: "BUNDLE", description: "Show the lockfile of this bundle." },
  },
  examples: [
    { line: "cpm tree", description: "Everything that the package here needs." },
    { line: "cpm tree --invert rise/text-tools", description: "Everything that needs one package." },
  ],
  async run({ args, options, context, output }) {
    const operations = await import("@cpm/operations/resolution");
    const { name, lock } =
      options.from === undefined ? await projectLock(args[0] ?? ".") : await bundleLock(options.from, args, context);
    const lines =
      options.invert === undefined ? operations.treeOf(lock) : operations.invertedTree(lock, options.invert, name);
    output.data(
      lines.map((line) => ({ ...line })),
      () => (lines.length === 0 ? `${name} needs nothing` : formatTree(lines)),
    );
    return 0;
  },
});

interface NamedLock {
  readonly name: string;
  readonly lock: Lockfile;
}

async function projectLock(directory: string): Promise<NamedLock> {
  const { readProject, requireCurrentLock } = await import("@cpm/operations/resolution");
  const project = readProject(directory);
  return { name: project.manifest.name, lock: requireCurrentLock(project) };
}

async function bundleLock(path: string, args: readonly string[], context: CliContext): Promise<NamedLock> {
  const { openBundles } = await import("@cpm/operations");
  const { givenPath } = await import("../given-file.ts");
  const { usageError } = await import("../errors.ts");
  if (args.length > 0) throw usageError("a directory and --from cannot both be shown", "Name one of them.");
  const { bundles } = await openBundles([givenPath(path, context)]);
  const [bundle] = bundles;
  if (bundle === undefined || bundles.length > 1)
    throw usageError(`${path} holds ${bundles.length} bundles`, "Name one of them.");
  return { name: path, lock: bundle.lock };
}
