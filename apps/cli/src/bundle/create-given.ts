import { existsSync, statSync } from "node:fs";
import { basename } from "node:path";
import { parseSizeBytes } from "@cpm/base";
import type { Lockfile } from "@cpm/model";
import { createBundle, openBundles, readLockfile, readProject, requireCurrentLock } from "@cpm/operations";
import { cliError, usageError } from "../errors.ts";
import { givenPath, givenTarget } from "../given-file.ts";
import { withSession } from "../with-session.ts";
import { formatCreated } from "./render-bundle.ts";
import type { BundleInvocation } from "./run-bundle.ts";

/** `cpm bundle create [DIR|LOCKFILE] -o FILE`. */
export async function createGiven(paths: readonly string[], invocation: BundleInvocation): Promise<number> {
  const { options, context, output } = invocation;
  if (paths.length > 1) throw usageError(`unexpected argument "${paths[1]}"`);
  if (options.output === undefined) throw usageError("where to write is not said", "Give -o FILE, such as app.bundle.");
  const maxPartBytes = options.split === undefined ? undefined : parseSizeBytes(options.split);
  if (options.split !== undefined && maxPartBytes === undefined)
    throw usageError(`--split cannot be "${options.split}"`, "Write a size with its unit: 700MB, 4GB, 512MiB.");
  const lock = readGivenLock(givenPath(paths[0] ?? ".", context));
  const path = givenTarget(options.output, context);
  if (maxPartBytes === undefined && existsSync(path) && options.force !== true)
    throw cliError("cli/exists", `${options.output} is there already`);
  const others =
    options.without.length === 0
      ? []
      : (await openBundles(options.without.map((entry) => givenPath(entry, context)))).bundles;
  const without = others.map(({ id, layout }) => ({ id, sizeOf: layout.sizeOf.bind(layout) }));
  const platforms = options.platform.length === 0 ? undefined : options.platform;
  return withSession(
    invocation,
    async (session) => {
      const request = { lock, path, platforms, without, maxPartBytes };
      const created = await createBundle(request, session.access());
      const files = created.paths.map((entry) => basename(entry));
      output.data({ ...created, needs: [...created.needs] }, () => formatCreated(created, files));
      return 0;
    },
    { offline: options.offline },
  );
}

/** A directory's lockfile must be that of its colony.yaml; a lockfile by itself is taken as it is. */
function readGivenLock(path: string): Lockfile {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw cliError("cli/no-file", `there is nothing at ${path}`);
  return found.isDirectory() ? requireCurrentLock(readProject(path)) : readLockfile(path);
}
