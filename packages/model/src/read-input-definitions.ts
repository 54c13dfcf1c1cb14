import type { JsonValue } from "@cpm/base";
import { canonicalJson } from "@cpm/base";
import { Faults } from "./faults.ts";
import { inputDefinitionSchema } from "./input-definition.ts";
import type { InputDefinition } from "./input-definition.ts";
import { listOf } from "./schema/collections.ts";
import { parseSource } from "./yaml.ts";

const definitions = listOf(inputDefinitionSchema, { maxItems: 200 });

/** The `inputs` of a manifest as a registry lists them; undefined where they cannot be read. */
export function readInputDefinitions(value: JsonValue): readonly InputDefinition[] | undefined {
  const [node] = parseSource({ path: "inputs", text: canonicalJson(value) });
  const faults = new Faults();
  const read = node === undefined ? undefined : definitions.parse(node, faults);
  return faults.diagnostics.length === 0 ? read : undefined;
}
