import type { CliContext } from "./context.ts";
import type { Output } from "./output/output.ts";
import type { Session } from "./session.ts";
import type { SettingFlags } from "./settings.ts";

/** Runs a command's work with a session and closes it in every case. The clients behind it are loaded only here. */
export async function withSession<T>(
  invocation: { readonly context: CliContext; readonly output: Output; readonly options: SettingFlags },
  run: (session: Session) => Promise<T>,
  offline = false,
): Promise<T> {
  const { context, output, options } = invocation;
  const { Session } = await import("./session.ts");
  const { resolveSettings } = await import("./settings.ts");
  const session = new Session(resolveSettings(context, options), context, output, offline);
  const closeAtExit = (): void => session.close();
  process.on("exit", closeAtExit);
  try {
    return await run(session);
  } finally {
    process.off("exit", closeAtExit);
    session.close();
  }
}
