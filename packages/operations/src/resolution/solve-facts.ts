import type { Requirement } from "@cpm/solver";
import { solve } from "@cpm/solver";
import type { WorldFacts } from "./world-facts.ts";

/**
 * Checks requirements that are all about the world and name no package. Throws `solver/no-solution` with the sentences.
 * `missing` says it in other words than the facts do.
 */
export async function solveFacts(
  requirements: readonly Requirement[],
  world: WorldFacts,
  missing: (name: string) => string = (name) => world.missing(name),
): Promise<void> {
  await solve(requirements, {
    versions: (name) => world.versions(name),
    dependencies: () => [],
    title: (name) => (name.startsWith("@") ? world.title(name) : name),
    missing,
  });
}
