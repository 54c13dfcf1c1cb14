import type { RegistryOptions } from "./registry-options.ts";

/** What a registry calls itself in challenges: the audience of its access tokens. */
export function serviceName({ publicUrl }: Pick<RegistryOptions, "publicUrl">): string {
  return publicUrl === undefined ? "cpm-registry" : new URL(publicUrl).host;
}
