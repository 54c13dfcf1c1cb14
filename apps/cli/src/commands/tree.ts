import { defineCommand } from "../command.ts";
import { formatTree } from "../render-lock.ts";

export const tree = defineCommand({
  name: "tree",
  summary: "Show what a package needs, as a tree",
  description: "Of cpm.lock as it is; asks no registry. With --invert it shows what needs one package.",
  arguments: [{ name: "directory", description: "default: here", optional: true, complete: "files" }],
  options: { invert: { type: "string", value: "NAME", description: "Show what needs this package." } },
  examples: [
    { line: "cpm tree", description: "Everything that the package here needs." },
    { line: "cpm tree --invert rise/text-tools", description: "Everything that needs one package." },
  ],
  async run({ args, options, output }) {
    const operations = await import("@cpm/operations");
    const project = operations.readProject(args[0] ?? ".");
    const lock = operations.requireCurrentLock(project);
    const lines =
      options.invert === undefined
        ? operations.treeOf(lock)
        : operations.invertedTree(lock, options.invert, project.manifest.name);
    output.data(
      lines.map((line) => ({ ...line })),
      () => (lines.length === 0 ? `${project.manifest.name} needs nothing` : formatTree(lines)),
    );
    return 0;
  },
});
