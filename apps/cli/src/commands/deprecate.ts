import { defineCommand, registryOptions } from "../command.ts";
import { usageError } from "../errors.ts";
import { withSession } from "../with-session.ts";

export const deprecate = defineCommand({
  name: "deprecate",
  summary: "Advise against a package or a version",
  description:
    "It is chosen and installed as before, and who does so is warned with the message and told what to use in its place. Needs the right to yank, which members of the namespace have.",
  arguments: [{ name: "package", description: "namespace/name, or namespace/name@version" }],
  options: {
    message: { type: "string", value: "TEXT", description: "Why, in one line, for those who use it." },
    successor: { type: "string", value: "NAME", description: "The package to use in its place." },
    undo: { type: "boolean", description: "Take it back." },
    ...registryOptions,
  },
  examples: [
    {
      line: 'cpm deprecate rise/wordcount --message "No longer maintained." --successor rise/text-tools',
      description: "The package with all its versions.",
    },
    { line: 'cpm deprecate rise/wordcount@1.0.0 --message "Slow."', description: "One version." },
    { line: "cpm deprecate rise/wordcount --undo", description: "It is maintained again." },
  ],
  async run(invocation) {
    const { args, options, context, output } = invocation;
    const { parsePackageName, parseReference } = await import("@cpm/model");
    const reference = parseReference(args[0] ?? "");
    const { selector } = reference;
    if (selector.kind === "range" || selector.kind === "digest")
      throw usageError(
        "a package or one version is deprecated",
        `Name it: ${reference.name}, or ${reference.name}@1.2.3.`,
      );
    const version = selector.kind === "version" ? selector.version.text : undefined;
    const { message } = options;
    const successor = options.successor === undefined ? undefined : parsePackageName(options.successor);
    const undo = options.undo === true;
    if (undo && (message !== undefined || successor !== undefined))
      throw usageError("--undo goes with neither --message nor --successor");
    if (!undo && message === undefined)
      throw usageError("a package is deprecated with a message", "Say it to those who use it by --message TEXT.");
    const notice = message === undefined ? undefined : { message, ...(successor === undefined ? {} : { successor }) };
    return withSession(invocation, async (session) => {
      const { name } = reference;
      const registry = reference.registry ?? session.registryHost();
      await session.registry(registry).deprecatePackage(name, version, notice, { signal: context.signal });
      session.access().metadata.forget(registry, name);
      const what = version === undefined ? name : `${name}@${version}`;
      const document = { registry, name, ...(version === undefined ? {} : { version }) };
      output.data({ ...document, ...(notice === undefined ? {} : { deprecated: notice }) }, () =>
        notice === undefined
          ? `${what} is no longer deprecated at ${registry}`
          : `deprecated ${what} at ${registry}: ${notice.message}`,
      );
      return 0;
    });
  },
});
