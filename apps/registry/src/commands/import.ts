import { userInfo } from "node:os";
import { formatBytes } from "@cpm/base";
import { createAccounts } from "../access/accounts.ts";
import { registryError } from "../errors.ts";
import { defaultLimits } from "../limits.ts";
import { importLayout, openLayoutSource } from "../layout/import-layout.ts";
import type { ImportResult } from "../layout/import-layout.ts";
import { SqlMetadata } from "../metadata/sql-metadata.ts";
import { LocalUploadRecords } from "../objects/local-upload-records.ts";
import { ObjectRemovals } from "../objects/object-removals.ts";
import { SqlUploadRecords } from "../objects/sql-upload-records.ts";
import { registrySettings } from "../settings/setting-table.ts";
import { toServeOptions } from "../settings/serve-options.ts";
import { Uploads } from "../uploads.ts";
import { printResult } from "./command.ts";
import type { CommandIo } from "./command.ts";
import { wanted } from "./export.ts";
import { withContent } from "./stored-content.ts";
import type { StoredContent } from "./stored-content.ts";
import { UsageError } from "@cpm/service";

export const importUsage = "import --from DIR|FILE.tar [--repository PATTERN]… [the flags of serve] [--json]";

const flags = { from: { type: "string" }, repository: { type: "string", multiple: true } } as const;

/** Adds what an image layout has, also beside a server that runs. Fails when something was refused. */
export async function importRegistry(args: readonly string[], io: CommandIo): Promise<void> {
  const { settings, values } = registrySettings.readWith(flags, args, io.environment);
  const options = toServeOptions(settings, io.tell);
  const { from = "" } = values;
  if (from === "") throw new UsageError("--from is missing");
  const isWanted = wanted(values.repository);
  const source = await openLayoutSource(from);
  const use = async ({ database, objects }: StoredContent): Promise<ImportResult> => {
    const records = new SqlUploadRecords(database);
    const removals = new ObjectRemovals(database, objects, io.now);
    const uploads = new Uploads({
      storage: objects,
      records: objects.shared ? records : new LocalUploadRecords(records),
      maxBlobBytes: options.limits?.maxBlobBytes ?? defaultLimits.maxBlobBytes,
      onBytes: () => undefined,
      untilFree: (object) => removals.untilFree(object),
      now: io.now,
    });
    const { namespaces } = createAccounts(database, io.now);
    const by = { actor: `local:${userInfo().username}`, requestId: "import" };
    return importLayout(
      { metadata: new SqlMetadata(database, io.now), objects, uploads, namespaces, by, now: io.now },
      source,
      isWanted,
    );
  };
  const result = await withContent(options, use, true);
  const { repositories, importedManifests, copiedBlobs, copiedBytes, refused } = result;
  printResult(io, values.json, { from, ...result }, [
    `${repositories} repositories: ${importedManifests} manifests and ${copiedBlobs} blobs (${formatBytes(copiedBytes)}) were added`,
    ...refused.map(({ repository, subject, why }) => `refused: ${repository} ${subject}: ${why}`),
  ]);
  if (refused.length > 0)
    throw registryError("registry-server/export-incomplete", `${refused.length} manifests or tags were refused`);
}
