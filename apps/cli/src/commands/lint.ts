import { defineCommand } from "../command.ts";

export const lint = defineCommand({
  name: "lint",
  summary: "Check a package",
  description:
    "Checks the manifest, the templates unevaluated, and what they render to with default inputs, against everything that ColonyOS and its executors accept.",
  arguments: [{ name: "directory", description: "default: here", optional: true, complete: "files" }],
  options: { strict: { type: "boolean", description: "Fail for warnings too." } },
  examples: [
    { line: "cpm lint", description: "Check the package here." },
    { line: "cpm lint examples/hello --json", description: "Every finding as JSON." },
  ],
  async run({ args, options, context, output }) {
    const { lintPackage } = await import("@cpm/operations");
    const { givenPath } = await import("../given-file.ts");
    const { diagnostics, directory } = lintPackage(givenPath(args[0] ?? ".", context));
    const count = (severity: string): number => diagnostics.filter((finding) => finding.severity === severity).length;
    const [errors, warnings] = [count("error"), count("warning")];
    const findings = diagnostics.map(({ code, severity, message, hint, location }) => ({
      code,
      severity,
      message,
      ...(hint === undefined ? {} : { hint }),
      ...(location === undefined ? {} : { file: location.file, line: location.line, column: location.column }),
    }));
    output.data({ errors, warnings, findings }, () => {
      const { manifest } = directory ?? {};
      const what = manifest === undefined ? (args[0] ?? ".") : `${manifest.name}@${manifest.version.text}`;
      const summary = `${what}: ${plural(errors, "error")}, ${plural(warnings, "warning")}`;
      return diagnostics.length === 0 ? summary : `${output.formatFindings(diagnostics)}\n\n${summary}`;
    });
    return errors > 0 || (options.strict === true && warnings > 0) ? 2 : 0;
  },
});

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
