import { serveRegistry } from "../serve.ts";
import { registrySettings } from "../settings/setting-table.ts";
import { toServeOptions } from "../settings/serve-options.ts";
import type { CommandIo } from "./command.ts";

/** Serves until a signal, and says where. */
export async function serve(args: readonly string[], io: CommandIo): Promise<void> {
  const registry = await serveRegistry(toServeOptions(registrySettings.read(args, io.environment), io.tell));
  io.print(`listening on ${registry.endpoint}\n`);
  await new Promise<void>((resolve) => {
    process.once("SIGTERM", () => resolve());
    process.once("SIGINT", () => resolve());
  });
  await registry.stop();
}
