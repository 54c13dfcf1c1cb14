import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { formatBytes } from "@cpm/base";
import { defineCommand } from "../command.ts";
import { withSession } from "../with-session.ts";

export const pack = defineCommand({
  name: "pack",
  summary: "Make the package's files into one artifact",
  description:
    "Checks the package and writes it as one .cpm file, an OCI image layout in a tar. The same files give the same digest on every machine.",
  arguments: [{ name: "directory", description: "default: here", optional: true, complete: "files" }],
  options: {
    output: {
      type: "string",
      short: "o",
      value: "FILE",
      description: "Where to write. Default: <name>-<version>.cpm.",
    },
    force: { type: "boolean", description: "Replace the file when it is there." },
    level: { type: "integer", value: "1-19", description: "Compression. Default 3." },
  },
  examples: [
    { line: "cpm pack", description: "Pack the package here." },
    { line: "cpm pack ./hello -o /tmp/hello.cpm", description: "Pack another one to another place." },
  ],
  async run(invocation) {
    const { args, options, context, output } = invocation;
    const { packPackage, readPackageDirectory, operationsErrors } = await import("@cpm/operations");
    const { createError } = await import("@cpm/base");
    const { givenPath, givenTarget } = await import("../given-file.ts");
    const { withFileErrors, writeLayoutFile } = await import("@cpm/store");
    const level = options.level;
    if (level !== undefined && (level < 1 || level > 19)) {
      const { usageError } = await import("../errors.ts");
      throw usageError(`--level cannot be ${level}`, "It lies between 1 and 19.");
    }
    return withSession({ context, output, options: {} }, async (session) => {
      const { directory, warnings } = readPackageDirectory(givenPath(args[0] ?? ".", context));
      output.diagnostics(warnings);
      const { name, version } = directory.manifest;
      const file = options.output ?? `${name.replace("/", "-")}-${version.text}.cpm`;
      const path = givenTarget(file, context);
      if (existsSync(path) && options.force !== true) {
        const hint = "Give --force to replace it.";
        throw createError(operationsErrors, "package/exists", `${file} is there already`, { hint });
      }
      const access = session.access();
      const layout = join(access.scratch(), "layout");
      const packed = await packPackage(directory, layout, { compressionLevel: level, ...access });
      // Whole or not at all: what stood there stays until the new file is complete.
      const draft = `${path}.${process.pid}.tmp`;
      writeLayoutFile(layout, draft, context.signal);
      withFileErrors("replace", file, () => renameSync(draft, path));
      const { root, files, contentBytes, sizeBytes, variants } = packed;
      const platforms = variants.flatMap(({ platform }) => platform ?? []);
      output.data(
        { name, version: version.text, digest: root.digest, file, files, contentBytes, sizeBytes, platforms },
        () =>
          [
            `${name}@${version.text} in ${file}`,
            `  digest  ${root.digest}`,
            `  files   ${files}, ${formatBytes(contentBytes)}, packed ${formatBytes(sizeBytes)}`,
            ...(platforms.length === 0 ? [] : [`  for     ${platforms.join(", ")}`]),
          ].join("\n"),
      );
      return 0;
    });
  },
});
