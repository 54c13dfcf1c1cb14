import type { Digest, JsonObject, JsonValue } from "@cpm/base";
import { isDigest, isJsonObject } from "@cpm/base";
import type { Blueprint } from "@cpm/colonies";
import type { ReleaseName } from "@cpm/model";
import { isReleaseName } from "@cpm/model";
import type { ResourceKind } from "@cpm/template";
import { resourceKinds } from "@cpm/template";
import { operationError } from "../errors.ts";

/** The kind of the blueprints that hold releases. */
export const releaseKind = "CpmRelease";

export const releasePhases = [
  "pending-install",
  "deployed",
  "superseded",
  "failed",
  "uninstalling",
  "uninstalled",
] as const;
export type ReleasePhase = (typeof releasePhases)[number];

/** What a revision is: written once, when it is created, and never changed. */
export interface RevisionRecord {
  readonly release: ReleaseName;
  /** From 1. */
  readonly revision: number;
  readonly packages: readonly RecordedPackage[];
  readonly resources: readonly RecordedResource[];
  /** Absent where no agent was asked for anything. */
  readonly placement?: RecordedPlacement;
  readonly client: RecordedClient;
  /** The revision whose client had died and whose work this one takes over. */
  readonly recovers?: number;
}

/** The nodes whose agents hold packages for the release, each all of them. */
export interface RecordedPlacement {
  readonly nodes: readonly string[];
  /** `namespace/name@version`. */
  readonly packages: readonly string[];
}

export interface RecordedPackage {
  readonly name: string;
  readonly version: string;
  readonly digest: Digest;
  /** `host[:port]`; absent for a package from a directory or a file. */
  readonly registry?: string;
  /** Which instance of a multi-instance package it is; absent for the one that everybody shares. */
  readonly instance?: string;
  /** Secrets as `***`. */
  readonly inputs: JsonObject;
  /** What it asks of other releases; absent where it asks nothing. */
  readonly requires?: ReleaseRequirements;
}

/** Ranges by package name, as `requires` of the manifest has them. */
export interface ReleaseRequirements {
  readonly releases: Readonly<Record<string, string>>;
  readonly absent: Readonly<Record<string, string>>;
}

export interface RecordedResource {
  /** The package that it comes from. */
  readonly package: string;
  /** See `RecordedPackage.instance`. */
  readonly instance?: string;
  readonly kind: ResourceKind;
  readonly name: string;
  /** Its name in the colony; absent for functions and workflows, which have none. */
  readonly object?: string;
  /** Of its rendered text with secrets left out. */
  readonly digest: Digest;
}

/** Who is at work on the revision. */
export interface RecordedClient {
  /** Chance, so that two clients of one user are told apart. */
  readonly id: string;
  readonly user: string;
  readonly host: string;
  /** RFC 3339. */
  readonly startedAt: string;
}

/** What is known of a revision so far: replaced whole whenever something happens. */
export interface RevisionStatus {
  readonly phase: ReleasePhase;
  readonly message?: string;
  /** RFC 3339, by the clock of the client that wrote it. */
  readonly updatedAt: string;
  /** Goes up while a client is at work; one that stands still has died. */
  readonly beat: number;
  /** Whether this revision has taken what it wants of earlier ones: what it does not list is nobody's any more. */
  readonly tookOver?: boolean;
  readonly created: readonly CreatedResource[];
}

/** A resource that is in the colony. */
export interface CreatedResource {
  readonly kind: ResourceKind;
  readonly name: string;
  readonly id: string;
  /** The processes of work that was submitted, by node; a function's own node is "". */
  readonly processes?: Readonly<Record<string, string>>;
}

export interface Revision {
  readonly record: RevisionRecord;
  readonly status: RevisionStatus;
}

/** The name of the blueprint that holds a revision. */
export function revisionName(release: string, revision: number): string {
  return `cpm.${release}.v${revision}`;
}

/** The label of every process of a release. */
export function releaseLabel(release: string): string {
  return `cpm:${release}`;
}

/** Inverse of `readRevision`. The server keeps numbers as floats, so what one cannot hold is written as text. */
export function formatRecord(record: RevisionRecord): JsonObject {
  return toPlainJson(record);
}

export function formatStatus(status: RevisionStatus): JsonObject {
  return toPlainJson(status);
}

function toPlainJson(value: object): JsonObject {
  const text = JSON.stringify(value, (_key, part: unknown) => (typeof part === "bigint" ? part.toString() : part));
  return JSON.parse(text) as JsonObject;
}

/** Throws `release/record` when a member of the colony wrote something else under the kind. */
export function readRevision(blueprint: Blueprint): Revision {
  const { spec, status } = blueprint;
  const fail = (what: string) =>
    operationError("release/record", `the blueprint ${blueprint.name} is no release record: ${what}`, {
      hint: "Another program wrote it. Look at it with `colonies blueprint get`, and remove it if it is nobody's.",
    });
  const release = text(spec["release"]);
  const revision = wholeNumber(spec["revision"]);
  if (release === undefined || !isReleaseName(release)) throw fail("it names no release");
  if (revision === undefined || revision < 1) throw fail("it has no revision");
  if (blueprint.name !== revisionName(release, revision)) throw fail(`it calls itself ${release} ${revision}`);
  const client = isJsonObject(spec["client"]) ? spec["client"] : {};
  const recovers = wholeNumber(spec["recovers"]);
  const placement = readPlacement(spec["placement"]);
  return {
    record: {
      release,
      revision,
      packages: list(spec["packages"]).map((entry) => readPackage(entry, fail)),
      resources: list(spec["resources"]).map((entry) => readResource(entry, fail)),
      ...(placement === undefined ? {} : { placement }),
      client: {
        id: text(client["id"]) ?? "",
        user: text(client["user"]) ?? "",
        host: text(client["host"]) ?? "",
        startedAt: text(client["startedAt"]) ?? "",
      },
      ...(recovers === undefined ? {} : { recovers }),
    },
    status: readStatus(status, blueprint),
  };
}

type Fail = (what: string) => Error;

function readPackage(entry: JsonObject, fail: Fail): RecordedPackage {
  const [name, version, digest] = [text(entry["name"]), text(entry["version"]), text(entry["digest"])];
  const registry = text(entry["registry"]);
  if (name === undefined || version === undefined || digest === undefined || !isDigest(digest))
    throw fail("a package is not complete");
  const inputs = isJsonObject(entry["inputs"]) ? entry["inputs"] : {};
  const instance = text(entry["instance"]);
  const requires = readRequirements(entry["requires"]);
  return {
    name,
    version,
    digest,
    inputs,
    ...(registry === undefined ? {} : { registry }),
    ...(instance === undefined ? {} : { instance }),
    ...(requires === undefined ? {} : { requires }),
  };
}

function readPlacement(value: JsonValue | undefined): RecordedPlacement | undefined {
  if (value === undefined || !isJsonObject(value)) return undefined;
  const texts = (part: JsonValue | undefined) =>
    Array.isArray(part) ? part.filter((entry: JsonValue) => typeof entry === "string") : [];
  return { nodes: texts(value["nodes"]), packages: texts(value["packages"]) };
}

/** Absent in records of releases that ask nothing, and in those of cpm before it knew. */
function readRequirements(value: JsonValue | undefined): ReleaseRequirements | undefined {
  if (value === undefined || !isJsonObject(value)) return undefined;
  const texts = (part: JsonValue | undefined) =>
    Object.fromEntries(Object.entries(part !== undefined && isJsonObject(part) ? part : {}).filter(isText));
  return { releases: texts(value["releases"]), absent: texts(value["absent"]) };
}

function readResource(entry: JsonObject, fail: Fail): RecordedResource {
  const [from, kind, name] = [text(entry["package"]), kindOf(entry["kind"]), text(entry["name"])];
  const [digest, object, instance] = [text(entry["digest"]), text(entry["object"]), text(entry["instance"])];
  if (from === undefined || kind === undefined || name === undefined || digest === undefined || !isDigest(digest))
    throw fail("a resource is not complete");
  const named = instance === undefined ? {} : { instance };
  return { package: from, ...named, kind, name, digest, ...(object === undefined ? {} : { object }) };
}

/** A revision whose status was lost counts as begun and not finished: it can be recovered and removed. */
function readStatus(status: JsonObject, blueprint: Blueprint): RevisionStatus {
  const phase = releasePhases.find((known) => known === status["phase"]) ?? "pending-install";
  const message = text(status["message"]);
  return {
    phase,
    ...(message === undefined ? {} : { message }),
    updatedAt: text(status["updatedAt"]) ?? blueprint.createdAt?.toISOString() ?? "",
    beat: wholeNumber(status["beat"]) ?? 0,
    ...(status["tookOver"] === true ? { tookOver: true } : {}),
    created: list(status["created"]).flatMap(readCreated),
  };
}

function readCreated(entry: JsonObject): CreatedResource[] {
  const [kind, name, id] = [kindOf(entry["kind"]), text(entry["name"]), text(entry["id"])];
  if (kind === undefined || name === undefined || id === undefined) return [];
  const { processes } = entry;
  const nodes = isJsonObject(processes) ? Object.entries(processes).filter(isText) : [];
  return [{ kind, name, id, ...(nodes.length === 0 ? {} : { processes: Object.fromEntries(nodes) }) }];
}

function isText(entry: [string, JsonValue]): entry is [string, string] {
  return typeof entry[1] === "string";
}

function text(value: JsonValue | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** Not `Number(…)`: an object that a member wrote can make that throw. */
function wholeNumber(value: JsonValue | undefined): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) ? value : undefined;
}

function list(value: JsonValue | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter((entry: JsonValue) => isJsonObject(entry)) : [];
}

function kindOf(value: JsonValue | undefined): ResourceKind | undefined {
  return resourceKinds.find((kind) => kind === value);
}
