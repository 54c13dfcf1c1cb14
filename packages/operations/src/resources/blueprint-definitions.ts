import type { JsonObject } from "@cpm/base";
import { canonicalJson, isCpmError, isJsonObject } from "@cpm/base";
import type { BlueprintDefinition } from "@cpm/colonies";
import { operationError } from "../errors.ts";
import type { HandlerContext, ResourceHandler } from "./resource-handler.ts";
import { missingState } from "./resource-handler.ts";

/**
 * A kind of blueprint. It belongs to the colony and not to a release: every release that brings the same definition
 * shares it, only the colony's owner can add it, and nobody removes it on the way.
 */
export const blueprintDefinitionHandler: ResourceHandler = {
  objectName: (_release, name) => name,

  async create({ name, spec }, context) {
    const wanted = isJsonObject(spec["spec"]) ? spec["spec"] : {};
    const present = await presentDefinition(name, wanted, context);
    if (present !== undefined) return { name, id: present.name };
    if (context.owner === undefined) {
      throw operationError(
        "colony/needs-owner",
        `the kind ${kindOf(wanted)} is new to the colony: its owner must add it`,
      );
    }
    try {
      const added = await context.owner.blueprints.addDefinition(name, wanted, { signal: context.signal });
      return { name, id: added.name };
    } catch (error) {
      // Another release brought it meanwhile; what it brought must be the same.
      const other = isCpmError(error, "colonies/exists") ? await presentDefinition(name, wanted, context) : undefined;
      if (other === undefined) throw error;
      return { name, id: other.name };
    }
  },

  async find({ name }, _work, { client, signal }) {
    const found = await client.blueprints.definition(name, { signal });
    return found === undefined ? undefined : { name, id: found.name };
  },

  async state({ id }, { client, signal }) {
    const found = await client.blueprints.definition(id, { signal });
    if (found === undefined) return missingState("the definition");
    return { state: "active", detail: `kind ${found.kind}`, processes: [] };
  },

  async remove({ id }) {
    return `the blueprint definition ${id} is left in the colony: other releases may use it`;
  },
};

/** The colony's definition when it is the wanted one; throws `colony/definition-differs` when it is another. */
export async function presentDefinition(
  name: string,
  wanted: JsonObject,
  { client, signal }: Pick<HandlerContext, "client" | "signal">,
): Promise<BlueprintDefinition | undefined> {
  const present = await client.blueprints.definition(name, { signal });
  if (present === undefined) return undefined;
  if (covers(present.spec, wanted)) return present;
  throw operationError("colony/definition-differs", `the colony has another blueprint definition "${name}"`, {
    context: { present: present.spec, wanted },
  });
}

/** The server adds fields with zero values; what was wanted must be there as it is. */
function covers(present: JsonObject, wanted: JsonObject): boolean {
  return Object.entries(wanted).every(([key, value]) => {
    const held = present[key];
    if (isJsonObject(value)) return isJsonObject(held) ? covers(held, value) : Object.keys(value).length === 0;
    return held !== undefined && canonicalJson(held) === canonicalJson(value);
  });
}

function kindOf(definition: JsonObject): string {
  const names = isJsonObject(definition["names"]) ? definition["names"] : {};
  return typeof names["kind"] === "string" ? names["kind"] : "";
}
