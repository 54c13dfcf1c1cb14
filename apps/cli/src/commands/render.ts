import { defineCommand, registryOptions } from "../command.ts";
import { readGivenSource } from "../given-source.ts";
import { inputOptions, readGivenInputs } from "../input-options.ts";
import { currentPlatform } from "../platform.ts";
import { version } from "../version.ts";
import { withSession } from "../with-session.ts";

export const render = defineCommand({
  name: "render",
  summary: "Show what a package would submit",
  description: "Needs no colony. Secrets are shown as ***.",
  arguments: [
    {
      name: "package",
      description: "a directory, a .cpm file or a reference; default: here",
      optional: true,
      complete: "files",
    },
  ],
  options: {
    ...inputOptions,
    ...registryOptions,
    name: { type: "string", value: "NAME", description: "The release name that templates see. Default: sample." },
    colony: { type: "string", value: "NAME", description: "The colony name that templates see. Default: sample." },
  },
  examples: [
    { line: "cpm render ./hello --set who=world", description: "The resources as YAML." },
    { line: "cpm render rise/wordcount@1.2.0 -f values.yaml --json", description: "As JSON." },
  ],
  async run(invocation) {
    const { args, options, context, output } = invocation;
    const { renderPackageAlone } = await import("@cpm/operations");
    const given = await readGivenInputs(options, context);
    const release = { name: options.name ?? "sample", colony: options.colony ?? "sample" };
    return withSession({ ...invocation, options: { registry: options.registry } }, async (session) => {
      const source = await readGivenSource(args[0] ?? ".", context);
      const options = { world: { cpmVersion: version, platform: currentPlatform() } };
      const rendered = await renderPackageAlone(source, given, release, options, session.access());
      output.diagnostics(rendered.warnings);
      output.data(rendered.documents, () =>
        rendered.documents.map((document) => Bun.YAML.stringify(document, null, 2)).join("\n---\n"),
      );
      return 0;
    });
  },
});
