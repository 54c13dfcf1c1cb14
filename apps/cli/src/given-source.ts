import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { isCpmError } from "@cpm/base";
import type { PackageSource } from "@cpm/operations";
import type { CliContext } from "./context.ts";
import { usageError } from "./errors.ts";

/** A package as somebody wrote it; what is a path begins where the command runs. */
export async function readGivenSource(text: string, context: CliContext): Promise<PackageSource> {
  const { parsePackageSource } = await import("@cpm/operations");
  const { givenPath } = await import("./given-file.ts");
  try {
    const source = parsePackageSource(text);
    return source.kind === "path" ? { kind: "path", path: givenPath(source.path, context) } : source;
  } catch (error) {
    // `cpm render hello` next to a directory of that name: most likely it is meant.
    const here = text !== "" && existsSync(resolve(context.cwd, text, "colony.yaml"));
    if (!isCpmError(error, "reference/invalid") || !here) throw error;
    throw usageError(
      `"${text}" is a directory here, and no reference to a package`,
      `Write ./${text} for the directory.`,
    );
  }
}
