import type { CancelSignal, JsonObject } from "@cpm/base";
import { isCpmError } from "@cpm/base";
import type { ColoniesClient } from "@cpm/colonies";
import { operationError } from "../errors.ts";
import { presentDefinition } from "../resources/blueprint-definitions.ts";
import { releaseKind } from "./release-record.ts";

const definitionName = "cpmreleases";

/** The empty handler makes it a record: the colony starts nothing when a revision comes or goes. */
const definition: JsonObject = {
  group: "cpm.colonyos.io",
  version: "v1",
  names: { kind: releaseKind, listKind: `${releaseKind}List`, singular: "cpmrelease", plural: definitionName },
  scope: "Namespaced",
  schema: {
    type: "object",
    properties: { release: { type: "string" }, revision: { type: "number" } },
    required: ["release", "revision"],
  },
  handler: { executorType: "", functionName: "" },
};

/**
 * Teaches a colony to keep releases; done once, by its owner's key. False when it knows already. Throws
 * `colony/definition-differs` when something else has the name, `colony/needs-owner` for another key.
 */
export async function initColony(owner: ColoniesClient, signal?: CancelSignal): Promise<boolean> {
  try {
    if (await isColonyPrepared(owner, signal)) return false;
    await owner.blueprints.addDefinition(definitionName, definition, { signal });
    return true;
  } catch (error) {
    if (isCpmError(error, "colonies/denied")) {
      const message = `the key is not that of the owner of the colony ${owner.colonyName}`;
      throw operationError("colony/needs-owner", message, { cause: error });
    }
    // Another owner did it meanwhile.
    if (isCpmError(error, "colonies/exists")) return !(await isColonyPrepared(owner, signal));
    throw error;
  }
}

export async function isColonyPrepared(client: ColoniesClient, signal?: CancelSignal): Promise<boolean> {
  return (await presentDefinition(definitionName, definition, { client, signal })) !== undefined;
}
