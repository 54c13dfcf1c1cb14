import { join } from "node:path";

/** The first word that makes this program supervise the real ColonyOS server, for a parent that is this program too. */
export const superviseWord = "__supervise";

/** This program as a command: the executable itself, or the runtime with the source. */
export function ownCommand(): readonly string[] {
  const compiled = import.meta.path.startsWith("/$bunfs/") || /^[A-Z]:[\\/]~BUN/.test(import.meta.path);
  return compiled ? [process.execPath] : [process.execPath, join(import.meta.dir, "../main.ts")];
}
