import { isCpmError } from "@cpm/base";
import type { Dependency, GivenInput, InputDefinition, InputValues, Manifest } from "@cpm/model";
import { readInputDefinitions, resolveInputs } from "@cpm/model";
import type { ListedDependency, ListedVersion } from "@cpm/registry-client";
import { evaluateCondition } from "@cpm/template";

/** The dependencies of a manifest whose conditions hold for these inputs. Throws `template/invalid`. */
export function activeDependencies(manifest: Manifest, values: InputValues): readonly Dependency[] {
  return manifest.dependencies.filter((entry) => holds(entry, manifest.name, manifest.inputs, values));
}

/**
 * The same of a version that is only listed, before any version is chosen. One whose inputs do not take what is given,
 * or cannot be read, keeps every dependency: if it is chosen, the error is told with the package at hand.
 */
export function activeListed(
  { dependencies, inputs }: ListedVersion,
  name: string,
  given: readonly GivenInput[],
): readonly ListedDependency[] {
  if (dependencies.every(({ when }) => when === undefined)) return dependencies;
  const definitions = inputs === undefined ? undefined : readInputDefinitions(inputs);
  if (definitions === undefined) return dependencies;
  try {
    const values = resolveInputs(definitions, given);
    return dependencies.filter((entry) => holds(entry, name, definitions, values));
  } catch (error) {
    if (isCpmError(error, "input/invalid") || isCpmError(error, "template/invalid")) return dependencies;
    throw error;
  }
}

function holds(
  { name, alias, when }: { readonly name: string; readonly alias?: string; readonly when?: string },
  owner: string,
  definitions: readonly InputDefinition[],
  values: InputValues,
): boolean {
  if (when === undefined) return true;
  return evaluateCondition(when, `${owner}: ${alias ?? name} when`, definitions, values);
}
