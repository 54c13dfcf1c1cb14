import { installGoProgram } from "../programs/go-program.ts";
import { goPrograms } from "../programs/program-table.ts";

/**
 * The path of the ColonyOS server's executable, built as a Go module into the cache on first use (about a minute
 * on two cores). Several processes may ask at once. Throws `dev/no-go` or `dev/build-failed`.
 */
export async function installServer(cacheDirectory: string): Promise<string> {
  return installGoProgram(goPrograms.colonies, cacheDirectory);
}
