import type { JsonValue } from "@cpm/base";
import { isJsonObject } from "@cpm/base";

/**
 * The platforms that a package has files for, by `payload` of its manifest as JSON; none when it is for all. A package
 * with files for some platforms can be placed on no other.
 */
export function payloadPlatforms(payload: JsonValue | undefined): readonly string[] {
  const rules = Array.isArray(payload) ? (payload as readonly JsonValue[]) : [];
  const named = rules.flatMap((rule) => {
    const platform = isJsonObject(rule) ? rule["platform"] : undefined;
    return typeof platform === "string" ? [platform] : [];
  });
  return [...new Set(named)].toSorted();
}
