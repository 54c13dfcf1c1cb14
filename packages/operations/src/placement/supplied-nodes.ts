import { findLabelledWork } from "../release/leftovers.ts";
import type { Revision } from "../release/release-record.ts";
import type { HandlerContext } from "../resources/resource-handler.ts";
import { placementMark } from "../resources/stamp.ts";

/** Nodes of revisions, and those that a client supplied and died before it wrote a revision. */
export async function suppliedNodes(
  release: string,
  history: readonly Revision[],
  context: HandlerContext,
): Promise<readonly string[]> {
  const marked = (await findLabelledWork(release, context)).flatMap(({ resource }) =>
    resource.startsWith(placementMark) ? [resource.slice(placementMark.length)] : [],
  );
  return [...new Set([...history.flatMap(({ record }) => record.placement?.nodes ?? []), ...marked])];
}
