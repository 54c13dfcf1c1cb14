import { placePackage } from "../node/place-package.ts";
import type { ReportProgress } from "../progress.ts";
import type { PreparedInstall, ReleaseContext } from "../release/prepare-install.ts";
import { FleetPlacement } from "./fleet-placement.ts";
import type { PlacedRelease } from "./fleet-placement.ts";

/** How long a node may take, in milliseconds. */
const defaultPlacementTimeoutMs = 10 * 60_000;

/**
 * Puts the payload of a release where its plan says, and waits until it is there. Of several nodes each has to have
 * everything, with the mode `any` one of them. Throws `placement/failed`, naming every node that failed and why, when
 * that cannot be; the nodes then hold nothing for the release any more.
 */
export async function placeRelease(
  prepared: PreparedInstall,
  context: ReleaseContext,
  report: ReportProgress,
  timeoutMs: number = defaultPlacementTimeoutMs,
): Promise<PlacedRelease> {
  const { plan, packages } = prepared;
  const { mode, nodes } = plan.placement;
  if (mode === "here") {
    for (const { variant } of packages) await placePackage(variant, context.node, report, context.signal);
    return { notes: [] };
  }
  const fleet = new FleetPlacement(plan, context, report, timeoutMs);
  return mode === "any" ? fleet.placeOnAny(nodes) : fleet.placeOnAll(nodes);
}
