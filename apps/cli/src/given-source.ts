import type { PackageSource } from "@cpm/operations";
import type { CliContext } from "./context.ts";

/** A package as somebody wrote it; what is a path begins where the command runs. */
export async function readGivenSource(text: string, context: CliContext): Promise<PackageSource> {
  const { parsePackageSource } = await import("@cpm/operations");
  const { givenPath } = await import("./given-file.ts");
  const source = parsePackageSource(text);
  return source.kind === "path" ? { kind: "path", path: givenPath(source.path, context) } : source;
}
