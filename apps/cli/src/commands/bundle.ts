import { nearest } from "@cpm/base";
import { bundleActions, bundleCommandOptions } from "../bundle/bundle-options.ts";
import { defineCommand } from "../command.ts";
import { usageError } from "../errors.ts";

export const bundle = defineCommand({
  name: "bundle",
  summary: "Put what a lockfile names into one file that travels",
  description:
    "A bundle is an OCI image layout in one file: every package of a lockfile with its signatures, and all that is needed to resolve and install without any network. `create` writes one from a directory with cpm.lock or from a lockfile; the same lockfile gives the same bytes. `inspect` shows what is in one, `verify` checks every byte, `push` copies everything into a registry, `serve` shows it as a registry on this machine. Bundles are named by their file, by one of their parts, or by a folder with bundles.",
  arguments: [
    { name: "action", description: Object.keys(bundleActions).join(", ") },
    {
      name: "paths",
      description: "a directory or lockfile; or bundles",
      optional: true,
      repeated: true,
      complete: "files",
    },
  ],
  options: bundleCommandOptions,
  examples: [
    { line: "cpm bundle create . -o app.bundle", description: "Everything that the package here needs." },
    { line: "cpm bundle create . -o app.bundle --split 4GB", description: "In parts that fit FAT32." },
    { line: "cpm bundle create . -o update.bundle --without app.bundle", description: "Only what the other lacks." },
    { line: "cpm bundle verify /media/usb", description: "Check every byte of what was brought." },
    { line: "cpm bundle push app.bundle --to registry.site:5000", description: "Into the registry of a site." },
  ],
  async run(invocation) {
    const [action = "", ...paths] = invocation.args;
    const known = Object.keys(bundleActions);
    const name = known.find((entry) => entry === action) as keyof typeof bundleActions | undefined;
    if (name === undefined) {
      const meant = nearest(action, known);
      throw usageError(
        `there is no \`cpm bundle ${action}\``,
        meant === undefined ? `There is ${known.join(", ")}.` : `Did you mean "${meant}"?`,
      );
    }
    for (const [option, value] of Object.entries(invocation.options)) {
      const given = Array.isArray(value) ? value.length > 0 : value !== undefined;
      const taken = option in bundleCommandOptions ? bundleActions[name].some((entry) => entry === option) : true;
      if (given && !taken) throw usageError(`\`cpm bundle ${name}\` takes no --${option}`);
    }
    const { runBundle } = await import("../bundle/run-bundle.ts");
    return runBundle(name, paths, invocation);
  },
});
