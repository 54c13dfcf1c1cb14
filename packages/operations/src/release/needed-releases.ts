import { isCpmError } from "@cpm/base";
import { operationError } from "../errors.ts";
import { solveFacts } from "../resolution/solve-facts.ts";
import { WorldFacts } from "../resolution/world-facts.ts";
import type { Revision } from "./release-record.ts";

/**
 * Throws `release/needed`, with the releases that ask and what they ask for, when a release has a package that another
 * one requires and no third one has. It is the solver that says so: what is installed are its requirements, and the
 * colony without the release is its world.
 */
export async function assertNotNeeded(release: string, releases: readonly Revision[]): Promise<void> {
  const world = { cpmVersion: "0.0.0", platform: "", colony: { executors: [], releases }, replaces: release };
  const facts = new WorldFacts(world);
  const requirements = facts
    .heldByOthers()
    .flatMap(({ release: from, name, range }) =>
      facts.releaseNeeds({ releases: { [name]: range.text } }).map((need) => ({ ...need, from: `release "${from}"` })),
    );
  if (requirements.length === 0) return;
  try {
    await solveFacts(requirements, facts, (name) => `without "${release}" ${facts.missing(name)}`);
  } catch (cause) {
    if (!isCpmError(cause, "solver/no-solution")) throw cause;
    throw operationError("release/needed", cause.message, { cause, context: cause.context });
  }
}
