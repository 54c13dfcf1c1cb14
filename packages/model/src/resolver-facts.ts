import type { JsonObject } from "@cpm/base";
import { isJsonObject } from "@cpm/base";
import { payloadPlatforms } from "./payload-platforms.ts";

/**
 * What a resolver needs of one version's manifest, in JSON: `dependencies` and `requires` as they are, `inputs` where a
 * condition reads them, `platforms` where there are files for some only, and `deprecated` where it says so of itself.
 */
export function resolverFacts(manifest: JsonObject): JsonObject {
  const { dependencies = {}, requires = {}, inputs, payload, deprecated } = manifest;
  const all = isJsonObject(dependencies) ? Object.values(dependencies).flat() : [];
  const conditional = all.some((entry) => isJsonObject(entry) && entry["when"] !== undefined);
  const platforms = payloadPlatforms(payload);
  return {
    dependencies,
    requires,
    ...(conditional ? { inputs: inputs ?? [] } : {}),
    ...(platforms.length === 0 ? {} : { platforms }),
    ...(deprecated === undefined ? {} : { deprecated: { message: deprecated } }),
  };
}
