import type { JsonObject, JsonValue } from "@cpm/base";
import { isCpmError, isJsonObject, parseJson } from "@cpm/base";
import { releaseLabel } from "../release/release-record.ts";

/** What every process of a release carries, so that it is found again whatever else was lost. */
export interface ReleaseMarks {
  readonly release: string;
  readonly revision: number;
  /** `namespace/name@version`. */
  readonly package: string;
  /** `Kind/name`, or `Placement/node` for what supplies a node. */
  readonly resource: string;
}

/** Stands before the node in the marks of a process that is no resource of the release: it supplies the node. */
export const placementMark = "Placement/";

/** Puts the marks into every function spec of a ColonyOS object: the label, and `CPM_*` in its environment. */
export function stampObject(object: JsonObject, marks: ReleaseMarks): JsonObject {
  if (typeof object["funcname"] === "string") return stampFunction(object, marks);
  const stamped: Record<string, JsonValue> = { ...object };
  const { functionspecs, workflowspec } = object;
  if (Array.isArray(functionspecs)) {
    stamped["functionspecs"] = functionspecs.map((spec: JsonValue) =>
      isJsonObject(spec) ? stampFunction(spec, marks) : spec,
    );
  }
  if (isJsonObject(workflowspec)) stamped["workflowspec"] = stampObject(workflowspec, marks);
  return stamped;
}

/** The marks that a process carries; undefined for one that no release submitted. */
export function readMarks(spec: JsonObject): Omit<ReleaseMarks, "package"> | undefined {
  const env = isJsonObject(spec["env"]) ? spec["env"] : {};
  const { CPM_RELEASE: release, CPM_RESOURCE: resource, CPM_REVISION: number } = env;
  if (typeof release !== "string" || typeof resource !== "string" || typeof number !== "string") return undefined;
  const revision = Number(number);
  return Number.isSafeInteger(revision) ? { release, revision, resource } : undefined;
}

/** The marks in the workflow of a schedule, which the colony keeps as JSON text. */
export function readScheduleMarks(workflowSpec: string): Omit<ReleaseMarks, "package"> | undefined {
  try {
    const workflow = parseJson(workflowSpec, { uniqueKeys: false });
    const specs = isJsonObject(workflow) ? workflow["functionspecs"] : undefined;
    const [first] = Array.isArray(specs) ? (specs as readonly JsonValue[]) : [];
    return isJsonObject(first) ? readMarks(first) : undefined;
  } catch (error) {
    // Any member may write anything there; ours is JSON.
    if (isCpmError(error, "json/invalid")) return undefined;
    throw error;
  }
}

function stampFunction(spec: JsonObject, marks: ReleaseMarks): JsonObject {
  const env = isJsonObject(spec["env"]) ? spec["env"] : {};
  return {
    ...spec,
    label: releaseLabel(marks.release),
    env: {
      ...env,
      CPM_RELEASE: marks.release,
      CPM_REVISION: String(marks.revision),
      CPM_PACKAGE: marks.package,
      CPM_RESOURCE: marks.resource,
    },
  };
}
