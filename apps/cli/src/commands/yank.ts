import { defineCommand, registryOptions } from "../command.ts";
import { usageError } from "../errors.ts";
import { withSession } from "../with-session.ts";

export const yank = defineCommand({
  name: "yank",
  summary: "Keep others from choosing a version",
  description:
    "Whoever resolves or installs from now on gets another version, except who has this one in a lockfile or names it exactly: nothing is deleted, and they are warned with the reason. Needs the right to yank, which members of the namespace have.",
  arguments: [{ name: "version", description: "namespace/name@version" }],
  options: {
    reason: { type: "string", value: "TEXT", description: "Why, in one line, for those who use it." },
    undo: { type: "boolean", description: "Take it back: the version may be chosen again." },
    ...registryOptions,
  },
  examples: [
    { line: 'cpm yank rise/wordcount@1.2.0 --reason "Loses the last line."', description: "Nobody new gets it." },
    { line: "cpm yank rise/wordcount@1.2.0 --undo", description: "It was all right after all." },
  ],
  async run(invocation) {
    const { args, options, context, output } = invocation;
    const { parseReference } = await import("@cpm/model");
    const reference = parseReference(args[0] ?? "");
    const { selector } = reference;
    if (selector.kind !== "version") throw usageError("one version is yanked", `Name it: ${reference.name}@1.2.3.`);
    const { reason } = options;
    const undo = options.undo === true;
    if (undo && reason !== undefined) throw usageError("--reason and --undo do not go together");
    if (!undo && reason === undefined)
      throw usageError("a version is yanked for a reason", "Say it to those who use it by --reason TEXT.");
    return withSession(invocation, async (session) => {
      const { name } = reference;
      const version = selector.version.text;
      const registry = reference.registry ?? session.registryHost();
      await session.registry(registry).yankVersion(name, version, reason, { signal: context.signal });
      session.access().metadata.forget(registry, name);
      const document = { registry, name, version, yanked: !undo };
      output.data({ ...document, ...(reason === undefined ? {} : { reason }) }, () =>
        undo
          ? `${name}@${version} may be chosen again at ${registry}`
          : `yanked ${name}@${version} at ${registry}: ${reason}`,
      );
      return 0;
    });
  },
});
