import { defineCommand } from "../command.ts";

export const why = defineCommand({
  name: "why",
  summary: "Show why a package is needed",
  description: "The shortest way from colony.yaml to the package for each direct dependency that leads to it.",
  arguments: [{ name: "package", description: "namespace/name" }],
  options: { directory: { type: "string", short: "C", value: "DIR", description: "The package. Default: here." } },
  examples: [{ line: "cpm why rise/text-tools", description: "Who asks for it, and by which range." }],
  async run({ args, options, output }) {
    const operations = await import("@cpm/operations/resolution");
    const project = operations.readProject(options.directory ?? ".");
    const lock = operations.requireCurrentLock(project);
    const chains = operations.whyChains(lock, args[0] ?? "", project.manifest.name);
    output.data(
      chains.map((chain) => chain.map((link) => ({ ...link }))),
      () =>
        chains
          .map((chain) => chain.map(({ from, name, range, version }) => `${from} needs ${name} ${range}: ${version}`))
          .map((lines) => lines.map((line, depth) => `${"  ".repeat(depth)}${line}`).join("\n"))
          .join("\n"),
    );
    return 0;
  },
});
