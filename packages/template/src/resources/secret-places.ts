import type { Diagnostic } from "@cpm/base";
import { locateSource, Secret } from "@cpm/model";
import { templateFault } from "../errors.ts";
import type { RenderedNode } from "../rendered.ts";
import type { FieldType } from "./field-type.ts";
import { allowsSecrets, fieldAt } from "./field-type.ts";

/**
 * Secrets that stand anywhere but in the `env` or below the `kwargs` of a function spec. Templates are checked for
 * this before they are rendered; a package from elsewhere may not have been, so the result is looked at as well.
 */
export function checkSecretPlaces(
  node: RenderedNode,
  type: FieldType,
  report: (fault: Diagnostic) => void,
  allowed = false,
): void {
  const inside = allowsSecrets(type, allowed);
  if (node.kind === "list") {
    for (const item of node.items) checkSecretPlaces(item, fieldAt(type, ["[]"]), report, inside);
  } else if (node.kind === "map") {
    for (const { key, value } of node.entries) checkSecretPlaces(value, fieldAt(type, [key]), report, inside);
  } else if (node.value instanceof Secret && !allowed) {
    const message = "a secret stands outside env and kwargs";
    report(templateFault("template/secret", { message, location: locateSource(node.file, node.range) }));
  }
}
