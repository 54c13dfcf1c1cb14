import type { Executor } from "@cpm/colonies";
import type { ExecutorRequirement, Manifest, Range } from "@cpm/model";
import { parseVersion, satisfies } from "@cpm/model";
import { operationError } from "../errors.ts";
import { describeExecutor, explainMissingExecutor, fittingExecutors } from "./executor-fit.ts";
import type { CheckedRequirement } from "./install-plan.ts";

export interface KnownVersions {
  readonly cpm: string;
  /** Undefined where neither the server nor the user tells it. */
  readonly colonyos: string | undefined;
}

/** Compares what packages and their work need with the executors that the colony has. */
export function checkRequirements(
  manifests: readonly Manifest[],
  usedTypes: ReadonlySet<string>,
  executors: readonly Executor[],
  versions: KnownVersions,
): readonly CheckedRequirement[] {
  const declared = manifests.flatMap((manifest) => manifest.requires.executors);
  const undeclared = [...usedTypes].filter((type) => declared.every((entry) => entry.type !== type));
  const needed = [...declared, ...undeclared.map((type) => ({ type, arch: [] }))];
  const byText = new Map(needed.map((entry) => [describeExecutor(entry), entry]));
  return [
    ...manifests.flatMap((manifest) => versionRequirements(manifest, versions)),
    ...[...byText.values()].map((entry) => executorRequirement(entry, executors)),
  ];
}

function executorRequirement(needed: ExecutorRequirement, executors: readonly Executor[]): CheckedRequirement {
  const what = describeExecutor(needed);
  const fitting = fittingExecutors(needed, executors);
  if (fitting.length > 0) return { what, result: "met", detail: fitting.map((executor) => executor.name).join(", ") };
  return { what, result: "missing", detail: explainMissingExecutor(needed, executors) };
}

function versionRequirements({ name, requires }: Manifest, versions: KnownVersions): CheckedRequirement[] {
  const { cpm, colonyos } = requires;
  const checked: CheckedRequirement[] = [];
  if (cpm !== undefined) {
    const met = satisfies(parseVersion(versions.cpm), cpm);
    const detail = `this is cpm ${versions.cpm}`;
    checked.push({ what: `cpm ${cpm.text} for ${name}`, result: met ? "met" : "missing", detail });
  }
  if (colonyos !== undefined)
    checked.push(colonyosRequirement(`ColonyOS ${colonyos.text} for ${name}`, colonyos, versions));
  return checked;
}

/** A plain build of the server answers an empty version; then there is nothing to compare with. */
function colonyosRequirement(what: string, range: Range, { colonyos }: KnownVersions): CheckedRequirement {
  if (colonyos === undefined) return { what, result: "unchecked", detail: "the server does not tell its version" };
  const met = satisfies(parseVersion(colonyos), range);
  return { what, result: met ? "met" : "missing", detail: `the colony runs ColonyOS ${colonyos}` };
}

/**
 * Throws for the first requirement that is missing and not among those that were `accepted` before:
 * `colony/missing-executor`, `colony/wrong-version`, `package/needs-cpm`.
 */
export function assertRequirements(
  requirements: readonly CheckedRequirement[],
  accepted: readonly CheckedRequirement[] = [],
): void {
  const known = new Set(accepted.filter(({ result }) => result === "missing").map(({ what }) => what));
  const missing = requirements.find(({ what, result }) => result === "missing" && !known.has(what));
  if (missing === undefined) return;
  const { what, detail } = missing;
  const code = what.startsWith("executor ")
    ? "colony/missing-executor"
    : what.startsWith("ColonyOS ")
      ? "colony/wrong-version"
      : "package/needs-cpm";
  throw operationError(code, `${what} is missing: ${detail}`, { context: { requirements } });
}
