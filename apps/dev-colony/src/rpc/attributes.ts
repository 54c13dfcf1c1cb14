import { isJsonObject } from "@cpm/base";
import { listIn, numberIn, objectIn, states, textIn } from "../colony-state.ts";
import { Refusal } from "../refusal.ts";
import type { MethodTable } from "./method.ts";
import { colonyOf } from "./work.ts";

/** Values that an executor hangs on its running process. */
export const attributeMethods: MethodTable = {
  addattributemsg: {
    action: "add attribute",
    fields: {
      attribute: {
        struct: {
          targetid: "string",
          targetcolonyname: "string",
          targetprocessgraphid: "string",
          state: "int",
          attributetype: "int",
          key: "string",
          value: "string",
        },
      },
    },
    run({ state, signer, message }) {
      const given = objectIn(message, "attribute");
      const process = state.processes.get(textIn(given, "targetid"));
      if (process === undefined) throw new Refusal(404, "Failed to add attribute, process not found");
      state.requireMember(signer, colonyOf(process));
      if (process["state"] !== states.running)
        throw new Refusal(403, "Failed to add attribute, process is not running");
      const executorId = textIn(process, "assignedexecutorid");
      if (executorId !== signer)
        throw new Refusal(
          403,
          `Failed to add attribute, only executor with id <${executorId}> is allowed to set attributes`,
        );
      const attributes = listIn(process, "attributes").filter(isJsonObject);
      const type = numberIn(given, "attributetype");
      if (attributes.some((row) => row["key"] === given["key"] && row["attributetype"] === type))
        throw new Refusal(400, 'pq: duplicate key value violates unique constraint "prod_attributes_pkey"');
      const added = {
        attributeid: state.newId(),
        ...given,
        targetprocessgraphid: textIn(process, "processgraphid"),
      };
      state.processes.update(textIn(process, "processid"), { attributes: [...attributes, added] });
      return added;
    },
  },
  getattributemsg: {
    action: "get attribute",
    fields: { attributeid: "string" },
    run({ state, signer, message }) {
      const wanted = textIn(message, "attributeid");
      for (const process of state.processes.filter((row) => listIn(row, "attributes").length > 0)) {
        const found = listIn(process, "attributes")
          .filter(isJsonObject)
          .find((row) => row["attributeid"] === wanted);
        if (found === undefined) continue;
        state.requireMember(signer, colonyOf(process));
        return found;
      }
      throw new Refusal(400, "Attribute does not exists");
    },
  },
};
