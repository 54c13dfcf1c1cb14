import type { Requirement, SolveOptions } from "./options.ts";
import type { Provider } from "./provider.ts";
import { search } from "./search.ts";
import type { Solution } from "./solution.ts";

/**
 * One version for each package that the requirements reach, the newest where there is a choice. The same facts give
 * the same solution, in whatever order they are written or arrive. Conditions on dependencies (`when:`) are for the
 * caller to evaluate before.
 *
 * Throws `solver/no-solution` with the derivation as numbered sentences, `solver/unknown-package` where nothing else
 * is wrong than that a package does not exist, `solver/limit` and `solver/cancelled`; what the provider throws passes.
 */
export async function solve(
  requirements: readonly Requirement[],
  provider: Provider,
  options: SolveOptions = {},
): Promise<Solution> {
  const steps = search(requirements, provider, options);
  let step = steps.next();
  while (step.done !== true) {
    await step.value;
    step = steps.next();
  }
  return step.value;
}
