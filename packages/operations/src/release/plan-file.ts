import type { JsonObject, JsonValue } from "@cpm/base";
import { canonicalJson, isDigest, isJsonObject, parseJson } from "@cpm/base";
import type { GivenInput, SourceNode } from "@cpm/model";
import { isReleaseName, parseSource } from "@cpm/model";
import { resourceKinds } from "@cpm/template";
import { operationError } from "../errors.ts";
import type { PackageSource } from "../package/locate-package.ts";
import { parsePackageSource } from "../package/locate-package.ts";
import { placementModes } from "../placement/placement-plan.ts";
import type { InstallPlan } from "./install-plan.ts";

/** A plan as it is saved: with where the package came from, so that it can be fetched again. */
export interface SavedPlan {
  readonly plan: InstallPlan;
  /** A path as it was given, or a reference by digest. */
  readonly source: string;
}

/** How the package of a plan is found again: in a registry by its digest, so that nothing else can come. */
export function formatPlanSource(source: PackageSource, plan: InstallPlan): string {
  if (source.kind === "path") return source.path;
  const root = plan.packages.at(-1);
  if (root?.registry === undefined) throw new TypeError("a reference was resolved at a registry");
  return `${root.registry}/${root.name}@${root.digest}`;
}

/** Inverse of `formatPlanFile`. Throws `plan/invalid`. */
export function parsePlanFile(text: string, path: string): { saved: SavedPlan; source: PackageSource } {
  const document = readDocument(text, path);
  const { plan, source } = document;
  const valid = isJsonObject(plan) && plan["format"] === "cpm/plan/v1" && typeof source === "string";
  if (!valid || !hasShape(plan)) throw operationError("plan/invalid", `${path} is not a saved plan`);
  return { saved: { plan: plan as unknown as InstallPlan, source }, source: parsePackageSource(source) };
}

export function formatPlanFile(saved: SavedPlan): JsonObject {
  return saved as unknown as JsonObject;
}

/** The inputs that a plan was made with; its secrets are not in it and must be given again. */
export function inputsOfPlan(plan: InstallPlan, path: string): readonly GivenInput[] {
  const root = plan.packages.at(-1);
  return Object.entries(root?.inputs ?? {})
    .filter(([key]) => root?.secretInputs.includes(key) !== true)
    .map(([key, value]) => {
      const keyNode: SourceNode = { kind: "scalar", value: key, file: { path, text: key }, range: [0, key.length] };
      const [node] = parseSource({ path: `${path} ${key}`, text: canonicalJson(value) });
      return { key, keyNode, value: node ?? keyNode, fromText: false };
    });
}

/** Throws `plan/stale` unless the plan made anew is the saved one: the same bytes, the same work, the same revision. */
export function assertSamePlan(saved: InstallPlan, present: InstallPlan): void {
  const before = essence(saved);
  const now = essence(present);
  for (const [what, value] of Object.entries(before)) {
    if (canonicalJson(value) === canonicalJson(now[what] ?? null)) continue;
    throw operationError("plan/stale", `the ${what} of the plan are not those of today`, {
      context: { what, planned: value, present: now[what] ?? null },
    });
  }
}

/** What executing depends on; whether files are in place already does not count. */
function essence(plan: InstallPlan): Record<string, JsonValue> {
  const { release, revision, colony } = plan;
  return {
    "release, revision and colony": [release, revision, colony],
    packages: plan.packages.map(({ name, instance = "", version, digest, tree }) => [
      name,
      instance,
      version,
      digest,
      tree,
    ]),
    inputs: plan.packages.map(({ inputs }) => inputs),
    resources: plan.resources.map(({ kind, name, digest }) => [kind, name, digest]),
    nodes: essenceOfPlacement(plan),
  };
}

/** What a node has already does not count, nor the order in which nodes are tried. */
function essenceOfPlacement({ placement }: InstallPlan): JsonValue {
  const { mode, root, platform, nodes } = placement;
  return mode === "here" ? [mode] : [mode, root, platform, ...nodes.map(({ name }) => name).toSorted()];
}

function readDocument(text: string, path: string): JsonObject {
  try {
    const document = parseJson(text, { file: path });
    if (isJsonObject(document)) return document;
  } catch (cause) {
    throw operationError("plan/invalid", `${path} is not a saved plan`, { cause });
  }
  throw operationError("plan/invalid", `${path} is not a saved plan`);
}

function hasShape(plan: JsonObject): boolean {
  const { release, revision, colony, packages, resources, requirements, placement } = plan;
  const lists = [packages, resources, requirements].every((list) => Array.isArray(list) && list.every(isJsonObject));
  if (!isPlannedPlacement(placement)) return false;
  if (!lists || typeof colony !== "string" || typeof release !== "string" || !isReleaseName(release)) return false;
  return (
    Number.isSafeInteger(revision) &&
    (packages as readonly JsonObject[]).every(isPlannedPackage) &&
    (resources as readonly JsonObject[]).every(
      ({ kind, name, digest }) => resourceKinds.some((known) => known === kind) && isText(name) && isDigestText(digest),
    )
  );
}

function isPlannedPlacement(value: JsonValue | undefined): boolean {
  if (value === undefined || !isJsonObject(value)) return false;
  const { mode, selector, root, platform, nodes } = value;
  const texts = isText(root) && isText(platform) && (selector === undefined || isText(selector));
  const named = (entry: JsonValue) => isJsonObject(entry) && isText(entry["name"]);
  return texts && placementModes.some((known) => known === mode) && Array.isArray(nodes) && nodes.every(named);
}

function isPlannedPackage({ name, version, digest, tree, inputs, secretInputs }: JsonObject): boolean {
  const texts = isText(name) && isText(version) && isDigestText(digest) && isDigestText(tree);
  return texts && isJsonObject(inputs) && Array.isArray(secretInputs) && secretInputs.every(isText);
}

function isText(value: JsonValue | undefined): value is string {
  return typeof value === "string";
}

function isDigestText(value: JsonValue | undefined): boolean {
  return isText(value) && isDigest(value);
}
