import { isCpmError } from "@cpm/base";
import { isFinal } from "@cpm/colonies";
import type { FunctionSpec } from "@cpm/colonies";
import type { ResourceHandler } from "./resource-handler.ts";
import { missingState, summarizeProcess, whenPresent } from "./resource-handler.ts";

/** One function call, which is one process. */
export const functionHandler: ResourceHandler = {
  objectName: () => undefined,

  async create({ name, spec }, { client, signal }) {
    const process = await client.processes.submit(spec as FunctionSpec, { signal });
    return { name, id: process.id, processes: { [process.nodeName]: process.id } };
  },

  async find({ name }, work) {
    const [found] = work.filter(({ process }) => process.workflowId === "");
    if (found === undefined) return undefined;
    return { name, id: found.process.id, processes: { [found.process.nodeName]: found.process.id } };
  },

  async state({ id }, { client, signal }) {
    const process = await whenPresent(() => client.processes.get(id, { signal }));
    if (process === undefined) return missingState("the process");
    return { state: process.state, processes: [summarizeProcess(process)] };
  },

  async remove({ id }, { client, signal }) {
    const process = await whenPresent(() => client.processes.get(id, { signal }));
    if (process === undefined || isFinal(process.state)) return undefined;
    try {
      await whenPresent(() => client.processes.cancel(id, { signal }));
    } catch (error) {
      // It ended between the look and the cancel.
      if (!isCpmError(error, "colonies/state")) throw error;
    }
    return undefined;
  },
};
