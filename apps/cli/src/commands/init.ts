import { basename, relative, resolve } from "node:path";
import { defineCommand } from "../command.ts";

const templates = ["function", "workflow", "cron"] as const;

export const init = defineCommand({
  name: "init",
  summary: "Start a package",
  description: "Writes a small package that lints, installs and runs as it is. An existing file is never changed.",
  arguments: [{ name: "directory", description: "where to write it; made when it is not there", complete: "files" }],
  options: {
    name: {
      type: "string",
      value: "NAMESPACE/NAME",
      description: "The package's name. Default: asked, or local/<directory>.",
    },
    template: { type: "string", choices: templates, description: "What it starts as. Default: asked, or function." },
  },
  examples: [
    { line: "cpm init hello", description: "Ask for the rest." },
    {
      line: "cpm init jobs/nightly --name rise/nightly --template cron",
      description: "A schedule, without questions.",
    },
  ],
  async run({ args, options, context, output }) {
    const { parsePackageName } = await import("@cpm/model");
    const { scaffolds, writeScaffold } = await import("@cpm/operations");
    const { ask, choose } = await import("../prompt.ts");
    const root = resolve(context.cwd, args[0] ?? "");
    const shown = relative(context.cwd, root) || ".";
    const suggested = `local/${
      basename(root)
        .toLowerCase()
        .replace(/[^a-z0-9]+/g, "-")
        .replace(/^-|-$/g, "") || "package"
    }`;
    const interactive = context.stdin.isTerminal && context.stderr.isTerminal;
    const name = parsePackageName(options.name ?? (await ask(context, "Name of the package", "--name", suggested)));
    const wanted =
      options.template ??
      (interactive ? await choose(context, "What does it start as?", "--template", templates) : templates[0]);
    const template = templates.find((known) => known === wanted) ?? templates[0];
    const files = writeScaffold(root, name, template);
    output.data({ name, directory: shown, template, files }, () =>
      [
        output.wrap(`${name} in ${shown}: ${scaffolds[template].summary}`, ""),
        ...files.map((file) => `  ${file}`),
        "",
        `Next: cpm lint ${shown}, cpm dev up, cpm install ./${shown.replace(/^\.\//, "")} --wait`,
      ].join("\n"),
    );
    return 0;
  },
});
