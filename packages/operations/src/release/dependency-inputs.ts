import type { Dependency, GivenInput, Manifest, SourceNode } from "@cpm/model";
import { Secret } from "@cpm/model";
import type { RenderedNode, RenderScope } from "@cpm/template";
import { holdsSecret, invalidTemplates, renderValues } from "@cpm/template";

/**
 * The inputs that a package gives to one of its dependencies by `with:`. A secret may only be passed on as a whole,
 * to an input that is a secret too.
 */
export function dependencyInputs(
  dependency: Dependency,
  target: Manifest,
  path: string,
  scope: RenderScope,
): GivenInput[] {
  return renderValues(dependency.with, path, scope).map(({ key, value }) => {
    const type = target.inputs.find((input) => input.key === key)?.type;
    if (holdsSecret(value) && (type !== "secret" || value.kind !== "scalar")) {
      const message = `a secret is passed to the input "${key}" of ${dependency.name}, which is no secret`;
      throw invalidTemplates([{ code: "template/secret", severity: "error", message }]);
    }
    const file = { path, text: key };
    return {
      key,
      keyNode: { kind: "scalar", value: key, file, range: [0, key.length] },
      value: toSource(value),
      fromText: false,
    };
  });
}

function toSource(node: RenderedNode): SourceNode {
  const { file, range } = node;
  if (node.kind === "list") return { kind: "list", items: node.items.map(toSource), file, range };
  if (node.kind === "map") {
    const entries = node.entries.map((entry) => ({ ...entry, value: toSource(entry.value) }));
    return { kind: "map", entries, file, range };
  }
  return { kind: "scalar", value: node.value instanceof Secret ? node.value.reveal() : node.value, file, range };
}
