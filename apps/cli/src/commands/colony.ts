import { colonyOptions, defineCommand } from "../command.ts";
import { missingSetting, usageError } from "../errors.ts";
import { withSession } from "../with-session.ts";

export const colony = defineCommand({
  name: "colony",
  summary: "Prepare a colony for releases",
  description:
    "`cpm colony init` teaches a colony to keep releases. Its owner does it once, with the owner's key in COLONIES_COLONY_PRVKEY; the key is used for this one call and never stored.",
  arguments: [{ name: "action", description: "init" }],
  options: colonyOptions,
  examples: [{ line: "COLONIES_COLONY_PRVKEY=… cpm colony init", description: "Once for each colony." }],
  async run(invocation) {
    const { args, context, output } = invocation;
    if (args[0] !== "init") throw usageError(`there is no \`cpm colony ${args[0]}\``, "There is `cpm colony init`.");
    const { initColony } = await import("@cpm/operations");
    return withSession(invocation, async (session) => {
      const owner = session.owner();
      if (owner === undefined) throw missingSetting("the colony owner's key", "COLONIES_COLONY_PRVKEY");
      const changed = await initColony(owner, context.signal);
      output.data({ colony: owner.colonyName, changed }, () =>
        changed
          ? `the colony ${owner.colonyName} keeps releases now`
          : `the colony ${owner.colonyName} keeps releases already`,
      );
      return 0;
    });
  },
});
