import { formatBytes } from "@cpm/base";
import { defineCommand, registryOptions } from "../command.ts";
import { withSession } from "../with-session.ts";

export const publish = defineCommand({
  name: "publish",
  summary: "Put a version into a registry",
  description:
    "Checks and packs a directory, or takes a .cpm file, and sends what the registry does not have. A published version never changes: the same bytes again succeed, others are refused.",
  arguments: [
    { name: "package", description: "a directory or a .cpm file; default: here", optional: true, complete: "files" },
  ],
  options: {
    "allow-similar-name": {
      type: "boolean",
      description: "Take a name for a new package that is easily taken for that of another.",
    },
    ...registryOptions,
  },
  examples: [
    { line: "cpm publish", description: "Publish the package here." },
    {
      line: "cpm publish hello-1.0.0.cpm --registry registry.example.org",
      description: "Publish a packed one elsewhere.",
    },
  ],
  async run(invocation) {
    const { args, options, context, output } = invocation;
    const { publishPackage } = await import("@cpm/operations");
    const { givenPath } = await import("../given-file.ts");
    return withSession(invocation, async (session) => {
      const path = givenPath(args[0] ?? ".", context);
      const published = await publishPackage({ kind: "path", path }, session.access(), {
        allowSimilarName: options["allow-similar-name"] === true,
      });
      const { registry, name, version, digest, present, sentBytes } = published;
      output.data({ registry, name, version, digest, present, sentBytes }, () =>
        [
          present
            ? `${name}@${version} was published already, with these bytes`
            : `published ${name}@${version} to ${registry} (${formatBytes(sentBytes)} sent)`,
          `  digest  ${digest}`,
        ].join("\n"),
      );
      return 0;
    });
  },
});
