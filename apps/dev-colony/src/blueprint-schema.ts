import { canonicalJson, isJsonObject, stringifyJson } from "@cpm/base";
import type { JsonObject, JsonValue } from "@cpm/base";
import { listIn, objectIn, textIn, textsIn } from "./colony-state.ts";

/** The part of JSON Schema that the server enforces; the rest (integer, nested required, defaults) it ignores. */
export function schemaFault(schema: JsonObject, spec: JsonObject): string | undefined {
  for (const name of textsIn(schema, "required")) {
    if (!Object.hasOwn(spec, name)) return `required field '${name}' is missing`;
  }
  return propertiesFault(objectIn(schema, "properties"), spec, "");
}

function propertiesFault(properties: JsonObject, value: JsonObject, prefix: string): string | undefined {
  for (const [name, property] of Object.entries(properties)) {
    const item = value[name];
    if (item === undefined || !isJsonObject(property)) continue;
    const fault = valueFault(property, item, prefix === "" ? name : `${prefix}.${name}`);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function valueFault(property: JsonObject, value: JsonValue, path: string): string | undefined {
  const type = textIn(property, "type");
  const wanted: Readonly<Record<string, (item: JsonValue) => boolean>> = {
    string: (item) => typeof item === "string",
    number: (item) => typeof item === "number" || typeof item === "bigint",
    boolean: (item) => typeof item === "boolean",
    array: (item) => Array.isArray(item),
    object: isJsonObject,
  };
  const accepts = wanted[type];
  if (accepts !== undefined && !accepts(value))
    return `field '${path}' must be ${/^[aeiou]/.test(type) ? "an" : "a"} ${type}, got ${goType(value)}`;
  const options = listIn(property, "enum");
  if (options.length > 0 && !options.some((option) => canonicalJson(option) === canonicalJson(value)))
    return `field '${path}' must be one of [${options.map(printed).join(" ")}], got ${printed(value)}`;
  if (isJsonObject(value)) return propertiesFault(objectIn(property, "properties"), value, path);
  if (!Array.isArray(value)) return undefined;
  const items = objectIn(property, "items");
  for (const [index, item] of value.entries()) {
    const fault = valueFault(items, item, `${path}[${index}]`);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** What Go calls a decoded JSON value. */
function goType(value: JsonValue): string {
  if (value === null) return "<nil>";
  if (typeof value === "string") return "string";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number" || typeof value === "bigint") return "float64";
  return Array.isArray(value) ? "[]interface {}" : "map[string]interface {}";
}

function printed(value: JsonValue): string {
  return typeof value === "string" ? value : stringifyJson(value);
}
