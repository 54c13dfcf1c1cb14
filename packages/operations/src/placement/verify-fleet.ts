import type { Clock, JsonObject, JsonValue } from "@cpm/base";
import { isJsonObject } from "@cpm/base";
import type { ColoniesClient } from "@cpm/colonies";
import { parsePackageName, parseRange, readVersion, satisfies } from "@cpm/model";
import { operationError } from "../errors.ts";
import type { ReportProgress } from "../progress.ts";
import { ReleaseBook } from "../release/release-book.ts";
import type { AgentNode } from "./agent-nodes.ts";
import { agentNodes } from "./agent-nodes.ts";
import type { NodeAnswer, NodeCall } from "./call-nodes.ts";
import { callNodes } from "./call-nodes.ts";
import { compareWithExpected, expectedPackages } from "./expected-packages.ts";

export interface VerifyFleetRequest {
  /** `namespace/name` or `namespace/name@range`; default: whatever a node has. */
  readonly package?: string | undefined;
  /** How long a node may take, in milliseconds. Default 10 minutes: it reads its files whole. */
  readonly timeoutMs?: number | undefined;
}

/** A package on a node. */
export interface FleetRow {
  readonly node: string;
  /** `namespace/name@version`; for a node that told nothing what it was asked for, empty for everything. */
  readonly package: string;
  /** `missing`: a release had it placed there. `absent`: it is not there, and nobody said that it should be. */
  readonly state: "intact" | "damaged" | "missing" | "absent" | "unanswered";
  /** Files that are not what they should be. */
  readonly damagedCount: number;
  /** The first of them. */
  readonly damagedPaths: readonly string[];
  /** Why a node told nothing. */
  readonly why?: string;
}

export interface FleetContext {
  readonly client: ColoniesClient;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

const defaultTimeoutMs = 10 * 60_000;
/** An agent that lives takes a call at once. */
const waitMs = 60_000;

/**
 * Has every approved agent of the colony read its packages again, all at once, and compares with what releases had
 * placed. Throws `name/…` and `range/…` for a package that cannot be one.
 */
export async function verifyFleet(
  { package: wanted, timeoutMs = defaultTimeoutMs }: VerifyFleetRequest,
  context: FleetContext,
  report: ReportProgress,
): Promise<readonly FleetRow[]> {
  const matches = matcherOf(wanted);
  const { revisions } = await new ReleaseBook(context.client, context.clock).read(context.signal);
  const expected = expectedPackages(revisions, matches);
  const agents = agentNodes(await context.client.executors.list({ signal: context.signal }));
  const approved = agents.filter(({ state }) => state === "approved");
  const calls = approved.flatMap((node) => verifyCalls(node, wanted, matches, expected.get(node.name)));
  const answers = await callNodes(calls, { timeoutMs, waitMs: Math.min(timeoutMs, waitMs) }, context, report);
  return compareWithExpected(answers.flatMap(readAnswer), expected, agents);
}

/** Throws `placement/damaged` for files that are damaged or gone, and else `placement/unanswered`. */
export function assertFleetIntact(rows: readonly FleetRow[]): void {
  const nodesOf = (...states: readonly FleetRow["state"][]) => [
    ...new Set(rows.filter(({ state }) => states.includes(state)).map(({ node }) => node)),
  ];
  const bad = nodesOf("damaged", "missing");
  if (bad.length > 0) throw operationError("placement/damaged", `packages are damaged or missing on ${bad.join(", ")}`);
  const silent = nodesOf("unanswered");
  if (silent.length > 0) throw operationError("placement/unanswered", `nothing is known of ${silent.join(", ")}`);
}

type Matches = (label: string) => boolean;

function matcherOf(wanted: string | undefined): Matches {
  if (wanted === undefined) return () => true;
  const [text = "", range = "*"] = splitLabel(wanted);
  const [name, versions] = [parsePackageName(text), parseRange(range)];
  return (label) => {
    const [other, written = ""] = splitLabel(label);
    const version = readVersion(written);
    return other === name && version !== undefined && (range === "*" || satisfies(version, versions));
  };
}

function splitLabel(label: string): readonly string[] {
  const at = label.indexOf("@");
  return at === -1 ? [label] : [label.slice(0, at), label.slice(at + 1)];
}

/** Everything is one call. Of one package each version is one, so that no other is read. */
function verifyCalls(
  { name: node, packages }: AgentNode,
  wanted: string | undefined,
  matches: Matches,
  expected: ReadonlySet<string> = new Set(),
): readonly NodeCall[] {
  const functionName = "cpm.verify";
  if (wanted === undefined) return [{ node, subject: "verify", functionName, kwargs: {} }];
  const known = new Set([...packages.filter(matches), ...expected]);
  const subjects = known.size === 0 ? [wanted] : [...known];
  return subjects.map((subject) => ({
    node,
    subject: `verify ${subject}`,
    functionName,
    kwargs: { package: subject },
  }));
}

function readAnswer({ call, output = {}, failure }: NodeAnswer): readonly FleetRow[] {
  const { node, kwargs } = call;
  const asked = typeof kwargs["package"] === "string" ? kwargs["package"] : "";
  const none = { node, package: asked, damagedCount: 0, damagedPaths: [] };
  if (failure?.code === "agent/not-installed") return [{ ...none, state: "absent" }];
  if (failure !== undefined) return [{ ...none, state: "unanswered", why: failure.message }];
  const found: JsonValue = output["packages"] ?? [output];
  const list = Array.isArray(found) ? found.filter((entry: JsonValue) => isJsonObject(entry)) : [];
  return list.map((entry) => readPackage(node, entry));
}

function readPackage(node: string, { name, version, intact, damagedCount, damagedPaths }: JsonObject): FleetRow {
  const paths = Array.isArray(damagedPaths) ? damagedPaths.filter((path) => typeof path === "string") : [];
  return {
    node,
    package: `${textOf(name)}@${textOf(version)}`,
    state: intact === true ? "intact" : "damaged",
    damagedCount: typeof damagedCount === "number" ? damagedCount : paths.length,
    damagedPaths: paths,
  };
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "?";
}
