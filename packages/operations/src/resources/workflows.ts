import { isCpmError } from "@cpm/base";
import type { JsonObject } from "@cpm/base";
import { isFinal } from "@cpm/colonies";
import type { FunctionSpec, Process, Workflow } from "@cpm/colonies";
import type { HandlerContext, ResourceHandler } from "./resource-handler.ts";
import { missingState, summarizeProcess, whenPresent } from "./resource-handler.ts";

/** A graph of functions. */
export const workflowHandler: ResourceHandler = {
  objectName: () => undefined,

  async create({ name, spec }, context) {
    const { id } = await context.client.workflows.submit(functionSpecsIn(spec), { signal: context.signal });
    return describeWorkflow(name, id, context);
  },

  async find({ name }, work, context) {
    const [found] = work.filter(({ process }) => process.workflowId !== "");
    return found === undefined ? undefined : describeWorkflow(name, found.process.workflowId, context);
  },

  async state({ id }, { client, signal }) {
    const workflow = await whenPresent(() => client.workflows.get(id, { signal }));
    if (workflow === undefined) return missingState("the workflow");
    const members = await readMembers(workflow, { client, signal });
    return { state: workflow.state, processes: members.map(summarizeProcess) };
  },

  /** A failed graph can still hold members that would run, so it is cancelled too. */
  async remove({ id }, { client, signal }) {
    const workflow = await whenPresent(() => client.workflows.get(id, { signal }));
    if (workflow === undefined || workflow.state === "success" || workflow.state === "cancelled") return undefined;
    for (let attempt = 1; ; attempt++) {
      const members = await readMembers(workflow, { client, signal });
      if (members.every((member) => isFinal(member.state))) return undefined;
      try {
        await whenPresent(() => client.workflows.cancel(id, { signal }));
        return undefined;
      } catch (error) {
        // A member ended, or somebody else cancelled it, between the look and the cancel: the server then stops there.
        if (!isCpmError(error, "colonies/state") || attempt === maxCancels) throw error;
      }
    }
  },
};

const maxCancels = 10;

export function functionSpecsIn(spec: JsonObject): readonly FunctionSpec[] {
  const { functionspecs } = spec;
  return Array.isArray(functionspecs) ? (functionspecs as readonly FunctionSpec[]) : [];
}

/** The reply to a submission lists no members; the graph itself does. */
async function describeWorkflow(name: string, id: string, { client, signal }: HandlerContext) {
  const members = await readMembers(await client.workflows.get(id, { signal }), { client, signal });
  return { name, id, processes: Object.fromEntries(members.map((member) => [member.nodeName, member.id])) };
}

/** The colony has no call for the processes of one graph. Somebody may be removing them while we read. */
async function readMembers(workflow: Workflow, { client, signal }: HandlerContext): Promise<readonly Process[]> {
  const members = workflow.processIds.map((id) => whenPresent(() => client.processes.get(id, { signal })));
  return (await Promise.all(members)).filter((member) => member !== undefined);
}
