import type { InputDefinition, InputValues } from "@cpm/model";
import { Secret } from "@cpm/model";

/**
 * Values to render with when nobody has given any, as `cpm lint` does: the defaults, and for a required input
 * the simplest value of its type. `invented` names those: what fails only because of one is not the author's fault.
 */
export function sampleInputs(definitions: readonly InputDefinition[]): {
  values: InputValues;
  invented: readonly string[];
} {
  const values: Record<string, InputValues[string]> = {};
  const invented: string[] = [];
  for (const definition of definitions) {
    const { key } = definition;
    if (definition.default !== undefined) values[key] = definition.default;
    else if (definition.required) {
      values[key] = simplest(definition);
      invented.push(key);
    }
  }
  return { values, invented };
}

function simplest(definition: InputDefinition): InputValues[string] {
  switch (definition.type) {
    case "string":
      return "x".repeat(Math.max(1, definition.minLength ?? 1));
    case "select":
      return definition.options[0] ?? "";
    case "int":
      return definition.min ?? 1n;
    case "number":
      return definition.min ?? 1;
    case "bool":
      return true;
    case "list":
      return [];
    case "object":
      return {};
    case "secret":
      return new Secret("sample");
  }
}
