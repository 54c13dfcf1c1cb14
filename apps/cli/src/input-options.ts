import type { GivenInput } from "@cpm/model";
import type { OptionTable, ParsedOptions } from "./command.ts";
import type { CliContext } from "./context.ts";

/** Flags of the commands that take a package's inputs. */
export const inputOptions = {
  set: { type: "strings", value: "KEY=VALUE", description: "Give one input." },
  "set-file": { type: "strings", value: "KEY=PATH", description: "Give one input as the text of a file; - is stdin." },
  values: { type: "strings", short: "f", value: "FILE", description: "Give inputs from a YAML file; - is stdin." },
} as const satisfies OptionTable;

/** The inputs in the order of precedence: files first, then `--set-file`, then `--set`, later over earlier. */
export async function readGivenInputs(
  options: ParsedOptions<typeof inputOptions>,
  context: CliContext,
): Promise<readonly GivenInput[]> {
  if (options.values.length + options["set-file"].length + options.set.length === 0) return [];
  const { parseAssignment, parseFileAssignment, parseValuesFile } = await import("@cpm/model");
  const { readGivenFile } = await import("./given-file.ts");
  const named = [...options.values, ...options["set-file"].map((text) => text.slice(text.indexOf("=") + 1))];
  const stdin = named.includes("-") ? await context.stdin.readAll() : "";
  const read = (path: string): string => (path === "-" ? stdin : readGivenFile(path, context));
  return [
    ...options.values.flatMap((path) => parseValuesFile({ path: path === "-" ? "stdin" : path, text: read(path) })),
    ...options["set-file"].map((text) => parseFileAssignment(text, read)),
    ...options.set.map(parseAssignment),
  ];
}
