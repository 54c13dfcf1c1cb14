import type { Diagnostic } from "@cpm/base";
import type { Resource } from "@cpm/template";
import { resourceHandlers } from "./resource-handlers.ts";

/** ColonyOS takes longer names, and its lists then fail for everybody. */
const maxObjectNameLength = 128;

/**
 * What is wrong with the names that the resources of a release get in the colony, and within the release. `name` is
 * unique per kind, also among packages.
 */
export function objectNameFaults(
  release: string,
  resources: readonly { readonly name: string; readonly resource: Resource }[],
): Diagnostic[] {
  const seen = new Set<string>();
  return resources.flatMap(({ name, resource: { kind, file } }) => {
    const key = `${kind} ${name}`;
    const twice = seen.has(key);
    seen.add(key);
    const object = resourceHandlers[kind].objectName(release, name) ?? "";
    const fault = (code: string, message: string): Diagnostic => {
      return { code, severity: "error", message: `${file.path}: ${message}` };
    };
    if (twice) return [fault("template/duplicate", `two packages of the release have a ${key}`)];
    if (object.length > maxObjectNameLength) {
      const limit = `ColonyOS takes ${maxObjectNameLength} characters`;
      return [fault("resource/name", `the ${key} would be called ${object} in the colony, and ${limit}`)];
    }
    return [];
  });
}
