import { missingSetting } from "./errors.ts";
import type { ResolvedSettings } from "./settings.ts";

/** The registry of the commands that need one; throws `cli/missing-setting`. */
export function requireRegistry({ registry }: ResolvedSettings): string {
  if (registry === undefined) throw missingSetting("the registry", "CPM_REGISTRY", "--registry");
  return registry.host;
}
