import type { JsonValue } from "@cpm/base";
import { isJsonObject } from "@cpm/base";
import type { Resource } from "@cpm/template";
import { redactedJson } from "@cpm/template";

/** The executor types that the work of some resources will be assigned to. */
export function executorTypesOf(resources: readonly Resource[]): ReadonlySet<string> {
  const types = new Set<string>();
  for (const resource of resources) {
    for (const spec of functionSpecsOf(redactedJson(resource.spec))) {
      const { conditions } = spec;
      const type = isJsonObject(conditions) ? conditions["executortype"] : undefined;
      if (typeof type === "string" && type !== "") types.add(type);
    }
  }
  return types;
}

/** The function specs that an object of ColonyOS holds: itself, or those of its workflow. */
function functionSpecsOf(object: JsonValue): readonly { readonly [key: string]: JsonValue }[] {
  if (!isJsonObject(object)) return [];
  if (typeof object["funcname"] === "string") return [object];
  const { functionspecs, workflowspec } = object;
  if (Array.isArray(functionspecs)) return functionspecs.filter((spec: JsonValue) => isJsonObject(spec));
  return workflowspec === undefined ? [] : functionSpecsOf(workflowspec);
}
