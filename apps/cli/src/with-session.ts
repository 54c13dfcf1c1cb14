import type { BundleSet } from "@cpm/operations";
import type { CliContext } from "./context.ts";
import type { Output } from "./output/output.ts";
import type { Session } from "./session.ts";
import type { SettingFlags } from "./settings.ts";

/** The flags that say where packages come from. */
export interface SourceFlags {
  readonly offline?: boolean | undefined;
  /** Bundles, in place of registries. */
  readonly from?: readonly string[];
}

/** Runs a command's work with a session and closes it in every case. The clients behind it are loaded only here. */
export async function withSession<T>(
  invocation: { readonly context: CliContext; readonly output: Output; readonly options: SettingFlags },
  run: (session: Session) => Promise<T>,
  sources: SourceFlags = {},
): Promise<T> {
  const { context, output, options } = invocation;
  const { Session } = await import("./session.ts");
  const { resolveSettings } = await import("./settings.ts");
  const settings = resolveSettings(context, options);
  const { offline = false, from = [] } = sources;
  const bundles = from.length === 0 ? undefined : await openGiven(from, context);
  const session = new Session(settings, context, output, { offline, bundles });
  const closeAtExit = (): void => session.close();
  process.on("exit", closeAtExit);
  try {
    return await run(session);
  } finally {
    process.off("exit", closeAtExit);
    session.close();
  }
}

async function openGiven(paths: readonly string[], context: CliContext): Promise<BundleSet> {
  const { openBundles } = await import("@cpm/operations");
  const { givenPath } = await import("./given-file.ts");
  return openBundles(paths.map((path) => givenPath(path, context)));
}
