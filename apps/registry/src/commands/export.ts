import { formatBytes } from "@cpm/base";
import { matchesPattern, parsePatterns } from "../access/token-scopes.ts";
import { registryError } from "../errors.ts";
import { exportLayout } from "../layout/export-layout.ts";
import { openLayoutTarget } from "../layout/layout-target.ts";
import { SqlMetadata } from "../metadata/sql-metadata.ts";
import { registrySettings } from "../settings/setting-table.ts";
import { toServeOptions } from "../settings/serve-options.ts";
import { printResult } from "./command.ts";
import type { CommandIo } from "./command.ts";
import { withContent } from "./stored-content.ts";
import { UsageError } from "@cpm/service";

export const exportUsage = "export --to DIR|FILE.tar [--repository PATTERN]… [the flags of serve] [--json]";

const flags = { to: { type: "string" }, repository: { type: "string", multiple: true } } as const;

/** Writes repositories as an image layout, also beside a server that runs. Fails when something damaged was left out. */
export async function exportRegistry(args: readonly string[], io: CommandIo): Promise<void> {
  const { settings, values } = registrySettings.readWith(flags, args, io.environment);
  const options = toServeOptions(settings, io.tell);
  const { to = "" } = values;
  if (to === "") throw new UsageError("--to is missing");
  const isWanted = wanted(values.repository);
  await withContent(options, async ({ database, objects }) => {
    const metadata = new SqlMetadata(database, io.now);
    const target = openLayoutTarget(to);
    try {
      const result = await exportLayout({ database, metadata, objects }, target, isWanted);
      const { repositories, copiedContents, copiedBytes, leftOut } = result;
      printResult(io, values.json, { to, ...result }, [
        `${to} has ${repositories} repositories: ${copiedContents} contents (${formatBytes(copiedBytes)}) were copied`,
        ...leftOut.map(({ repository, digest, why }) => `left out: ${repository} ${digest}: ${why}`),
      ]);
      if (leftOut.length > 0)
        throw registryError("registry-server/export-incomplete", `${leftOut.length} contents are damaged`);
    } finally {
      target.close();
    }
  });
}

/** By the patterns that tokens have too; without any, every repository. */
export function wanted(texts: readonly string[] | undefined): (repository: string) => boolean {
  if (texts === undefined) return () => true;
  const patterns = parsePatterns(texts);
  return (repository) => patterns.some((pattern) => matchesPattern(pattern, repository));
}
