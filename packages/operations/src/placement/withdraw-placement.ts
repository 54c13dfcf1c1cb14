import { CpmError, isCpmError, toErrorRecord } from "@cpm/base";
import type { ReportProgress } from "../progress.ts";
import type { ReleaseContext } from "../release/prepare-install.ts";
import { ReleaseBook } from "../release/release-book.ts";
import type { ReleasePhase } from "../release/release-record.ts";
import { releaseNodes } from "./release-nodes.ts";

/** Somebody waits for it: an install that failed, or a person who interrupted it. In milliseconds. */
const withdrawTimeoutMs = 10_000;

/** In these a release has its packages, or may have: whoever ends it lets them go. */
const standing: ReadonlySet<ReleasePhase> = new Set(["pending-install", "deployed", "superseded", "uninstalling"]);

/**
 * After a failed install: nodes hold nothing for the release any more, by calls of their own that an interrupt does not
 * stop. Nodes hold by the release's name, so where another client has the release, nothing is let go. Gives the failure
 * back, with what is left in its advice.
 */
export async function withdrawPlacement(
  failure: unknown,
  release: string,
  nodes: readonly string[],
  context: ReleaseContext,
  report: ReportProgress,
): Promise<unknown> {
  const left = await letPackagesGo(release, nodes, context, report);
  if (left.length === 0 || !isCpmError(failure)) return failure;
  const { code, kind, message, context: values, diagnostics, cause, hint } = failure;
  const advice = [...(hint === undefined ? [] : [hint]), `${left.join("; ")}.`].join(" ");
  return new CpmError(code, kind, message, { context: values, diagnostics, cause, hint: advice });
}

/** The notes of what is left; never throws, as there is a failure or a success that comes first. */
export async function letPackagesGo(
  release: string,
  nodes: readonly string[],
  { client, clock }: ReleaseContext,
  report: ReportProgress,
): Promise<readonly string[]> {
  if (nodes.length === 0) return [];
  try {
    const newest = (await new ReleaseBook(client, clock).history(release)).at(-1);
    if (newest !== undefined && standing.has(newest.status.phase)) return [];
    return await releaseNodes(release, nodes, { client }, report, withdrawTimeoutMs);
  } catch (error) {
    return [`${nodes.join(", ")} may still keep the packages of "${release}": ${toErrorRecord(error).message}`];
  }
}
