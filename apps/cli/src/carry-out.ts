import type { JsonObject } from "@cpm/base";
import type { PreparedInstall, ReleaseContext, WorkResult } from "@cpm/operations";
import type { OptionTable, ParsedOptions } from "./command.ts";
import { interruptedWait, releaseFailed } from "./errors.ts";
import type { Output } from "./output/output.ts";
import type { placementLimits } from "./placement-options.ts";
import { followLogs } from "./follow-logs.ts";
import { formatResults, placementNotes } from "./render-plan.ts";

/** Flags of the commands that carry a plan out. */
export const waitOptions = {
  wait: { type: "boolean", description: "Wait until its work has ended; fail when the work fails." },
  timeout: { type: "duration", value: "10m", description: "Wait this long at most. Default: no limit." },
  logs: { type: "boolean", description: "Show what its processes print while waiting." },
} as const satisfies OptionTable;

/** Executes a plan, waits when asked to, and tells how it went. Answers the exit status. */
export async function carryOut(
  prepared: PreparedInstall,
  options: ParsedOptions<typeof waitOptions & typeof placementLimits>,
  context: ReleaseContext,
  output: Output,
): Promise<number> {
  const { executeInstall, waitForRelease } = await import("@cpm/operations");
  const { openNodeStore } = await import("@cpm/store");
  const { plan } = prepared;
  if (plan.placement.mode === "here") openNodeStore(context.node.root);
  for (const text of placementNotes(plan.placement)) output.note(text);
  const limits = { placementTimeoutMs: options["placement-timeout"] };
  const installed = await executeInstall(prepared, context, (item) => output.progress.update(item), limits);
  for (const note of installed.notes) output.note(note);
  const waits = options.wait ?? (options.logs === true || options.timeout !== undefined);
  if (!waits) {
    output.data(describe(prepared), () => describeText(prepared));
    return 0;
  }
  const stop = options.logs === true ? followLogs(plan.release, context, output) : undefined;
  let results: readonly WorkResult[];
  try {
    results = await waitForRelease(installed.created, context, (item) => output.progress.update(item), options.timeout);
  } catch (error) {
    throw context.signal?.aborted === true ? interruptedWait(plan.release, error) : error;
  } finally {
    await stop?.();
  }
  output.data({ ...describe(prepared), results: results.map((result) => ({ ...result })) }, () =>
    [describeText(prepared), formatResults(results, output)].filter((text) => text !== "").join("\n"),
  );
  const failed = results.filter((result) => result.state !== "success");
  if (failed.length > 0) throw releaseFailed(plan.release, failed);
  return 0;
}

function describe({ plan }: PreparedInstall): JsonObject {
  const root = plan.packages.at(-1);
  return {
    release: plan.release,
    revision: plan.revision,
    colony: plan.colony,
    package: `${root?.name ?? ""}@${root?.version ?? ""}`,
    digest: root?.digest ?? "",
    nodes: plan.placement.nodes.map(({ name }) => name),
  };
}

function describeText({ plan }: PreparedInstall): string {
  const root = plan.packages.at(-1);
  return `installed ${plan.release} (${root?.name}@${root?.version}, revision ${plan.revision}) in ${plan.colony}`;
}
