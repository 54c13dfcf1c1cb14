import type { JsonValue } from "@cpm/base";
import { isJsonObject } from "@cpm/base";
import type { Executor } from "@cpm/colonies";
import type { ExecutorRequirement, Manifest } from "@cpm/model";
import { parseVersion, satisfies } from "@cpm/model";
import type { CheckedRequirement } from "./install-plan.ts";

/** Compares what packages and their work need with the executors that the colony has. */
export function checkRequirements(
  manifests: readonly Manifest[],
  usedTypes: ReadonlySet<string>,
  executors: readonly Executor[],
  cpmVersion: string,
): readonly CheckedRequirement[] {
  const declared = manifests.flatMap((manifest) => manifest.requires.executors);
  const undeclared = [...usedTypes].filter((type) => declared.every((entry) => entry.type !== type));
  const needed = [...declared, ...undeclared.map((type) => ({ type, arch: [] }))];
  const byText = new Map(needed.map((entry) => [`${entry.type} ${entry.arch.join()}`, entry]));
  return [
    ...manifests.flatMap((manifest) => versionRequirements(manifest, cpmVersion)),
    ...[...byText.values()].map((entry) => executorRequirement(entry, executors)),
  ];
}

function executorRequirement(needed: ExecutorRequirement, executors: readonly Executor[]): CheckedRequirement {
  const what = `executor ${needed.type}${needed.arch.length === 0 ? "" : ` on ${needed.arch.join(" or ")}`}`;
  const alive = executors.filter((executor) => executor.type === needed.type && executor.state === "approved");
  const fitting = alive.filter((executor) => fitsArchitecture(executor, needed.arch));
  if (fitting.length > 0) return { what, result: "met", detail: fitting.map((executor) => executor.name).join(", ") };
  return { what, result: "missing", detail: explainMissing(needed, executors, alive) };
}

/** An executor that does not say what it runs on may run on anything. */
function fitsArchitecture(executor: Executor, wanted: readonly string[]): boolean {
  const told = architecturesOf(executor);
  return wanted.length === 0 || told.length === 0 || told.some((architecture) => wanted.includes(architecture));
}

function architecturesOf(executor: Executor): readonly string[] {
  const { hardware } = executor.capabilities;
  const entries = Array.isArray(hardware) ? hardware : [];
  return entries.flatMap((entry: JsonValue) => {
    const architecture = isJsonObject(entry) ? entry["architecture"] : undefined;
    return typeof architecture === "string" && architecture !== "" ? [architecture] : [];
  });
}

function explainMissing(
  needed: ExecutorRequirement,
  executors: readonly Executor[],
  alive: readonly Executor[],
): string {
  if (alive.length > 0) return `those of the type run on ${alive.flatMap(architecturesOf).join(", ")}`;
  const known = executors.filter((executor) => executor.type === needed.type);
  if (known.length > 0) return known.map((executor) => `${executor.name} is ${executor.state}`).join(", ");
  const types = [...new Set(executors.filter((entry) => entry.state === "approved").map((entry) => entry.type))];
  return types.length === 0 ? "the colony has no executor" : `the colony has ${types.join(", ")}`;
}

function versionRequirements({ name, requires }: Manifest, cpmVersion: string): CheckedRequirement[] {
  const { cpm, colonyos } = requires;
  const checked: CheckedRequirement[] = [];
  if (cpm !== undefined) {
    const met = satisfies(parseVersion(cpmVersion), cpm);
    const detail = `this is cpm ${cpmVersion}`;
    checked.push({ what: `cpm ${cpm.text} for ${name}`, result: met ? "met" : "missing", detail });
  }
  if (colonyos !== undefined) {
    // A plain build of the server answers an empty version, so there is nothing to compare with.
    const detail = "the server does not tell its version";
    checked.push({ what: `ColonyOS ${colonyos.text} for ${name}`, result: "unchecked", detail });
  }
  return checked;
}
