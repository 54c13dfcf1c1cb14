import type { CancelSignal, JsonObject } from "@cpm/base";
import { isCpmError } from "@cpm/base";
import type { ColoniesClient, Process, ProcessState } from "@cpm/colonies";
import { operationError } from "../errors.ts";
import type { CreatedResource } from "../release/release-record.ts";

/** A resource as it is sent to the colony: its spec with every mark of the release, and secrets in clear. */
export interface StampedResource {
  readonly name: string;
  /** Its name in the colony, for the kinds that have one. */
  readonly object: string | undefined;
  readonly spec: JsonObject;
  /** For the colony's own records about blueprints. */
  readonly labels: Readonly<Record<string, string>>;
  /** RFC 3339. */
  readonly createdAt: string;
}

export interface HandlerContext {
  readonly client: ColoniesClient;
  /** With the colony owner's identity, where the person has its key. */
  readonly owner?: ColoniesClient | undefined;
  readonly signal?: CancelSignal | undefined;
}

/** Work that carries the release's label and the name of the resource that it belongs to. */
export interface LabelledWork {
  readonly revision: number;
  /** `Kind/name`. */
  readonly resource: string;
  readonly process: Process;
}

/** A resource that a revision planned. */
export interface SoughtResource {
  readonly name: string;
  readonly object: string | undefined;
  readonly release: string;
  readonly revision: number;
}

export type ResourceStateName = ProcessState | "active" | "missing";

/** How one resource stands in the colony. `active` is what schedules and records are. */
export interface ResourceState {
  readonly state: ResourceStateName;
  readonly detail?: string;
  /** The processes of work, by node. */
  readonly processes: readonly ProcessSummary[];
}

export interface ProcessSummary {
  readonly id: string;
  readonly node: string;
  readonly functionName: string;
  readonly state: ProcessState;
  readonly executorId: string;
  readonly errors: readonly string[];
  readonly startedAt?: string;
  readonly endedAt?: string;
}

/**
 * What releases do with one kind of resource. Every call may be repeated: what is already so is not an error.
 */
export interface ResourceHandler {
  /** Its name in the colony; undefined for work, which the colony names by ids only. */
  objectName(release: string, name: string): string | undefined;

  /** Puts it into the colony. Throws `colony/name-taken` where the name belongs to something else. */
  create(resource: StampedResource, context: HandlerContext): Promise<Omit<CreatedResource, "kind">>;

  /**
   * What the client of a revision had created and not written down; undefined when it had not come to it. A thing of
   * another revision under the same name is not it.
   */
  find(
    sought: SoughtResource,
    work: readonly LabelledWork[],
    context: HandlerContext,
  ): Promise<Omit<CreatedResource, "kind"> | undefined>;

  state(created: CreatedResource, context: HandlerContext): Promise<ResourceState>;

  /** Ends work and takes schedules and records away. A note tells what is deliberately left. */
  remove(created: CreatedResource, context: HandlerContext): Promise<string | undefined>;
}

export function summarizeProcess(process: Process): ProcessSummary {
  return {
    id: process.id,
    node: process.nodeName,
    functionName: process.functionName,
    state: process.state,
    executorId: process.assignedExecutorId,
    errors: process.errors,
    ...(process.startedAt === undefined ? {} : { startedAt: process.startedAt.toISOString() }),
    ...(process.endedAt === undefined ? {} : { endedAt: process.endedAt.toISOString() }),
  };
}

/** What a call about one thing answers; undefined when the colony does not have it. */
export async function whenPresent<T>(run: () => Promise<T>): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    if (isCpmError(error, "colonies/not-found")) return undefined;
    throw error;
  }
}

export function missingState(what: string): ResourceState {
  return { state: "missing", detail: `${what} was removed from the colony`, processes: [] };
}

/** Runs what adds a name to the colony. */
export async function takingName<T>(object: string, add: () => Promise<T>): Promise<T> {
  try {
    return await add();
  } catch (error) {
    if (!isCpmError(error, "colonies/exists")) throw error;
    throw operationError("colony/name-taken", `the colony already has something called ${object}`, { cause: error });
  }
}
