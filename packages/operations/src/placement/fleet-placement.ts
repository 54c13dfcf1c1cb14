import type { CpmError } from "@cpm/base";
import { operationError } from "../errors.ts";
import type { ReportProgress } from "../progress.ts";
import type { InstallPlan, PlannedPackage } from "../release/install-plan.ts";
import type { ReleaseContext } from "../release/prepare-install.ts";
import type { RecordedPlacement } from "../release/release-record.ts";
import { placementMark, stampObject } from "../resources/stamp.ts";
import type { NodeAnswer, NodeCall } from "./call-nodes.ts";
import { callNodes } from "./call-nodes.ts";
import type { NodeLimits } from "./node-failure.ts";
import type { PlannedNode } from "./placement-plan.ts";
import { letPackagesGo, withdrawPlacement } from "./withdraw-placement.ts";

/** An agent that lives takes a call at once, so where one node is enough the next one is tried after this. */
const anyWaitMs = 30_000;

/** A package that a node could not be supplied with, and why. */
interface NodeFault {
  readonly node: string;
  readonly package: string;
  readonly reason: "silent" | "slow" | "failed" | "other-files";
  readonly message: string;
  readonly code?: string;
}

export interface PlacedRelease {
  /** What agents hold for the release from now on; absent where it is nothing. */
  readonly held?: RecordedPlacement;
  /** What is worth telling although nothing failed. */
  readonly notes: readonly string[];
}

/** Supplies nodes with the payload of one release, by its plan. */
export class FleetPlacement {
  readonly #plan: InstallPlan;
  readonly #context: ReleaseContext;
  readonly #report: ReportProgress;
  readonly #timeoutMs: number;

  constructor(plan: InstallPlan, context: ReleaseContext, report: ReportProgress, timeoutMs: number) {
    this.#plan = plan;
    this.#context = context;
    this.#report = report;
    this.#timeoutMs = timeoutMs;
  }

  async placeOnAll(nodes: readonly PlannedNode[]): Promise<PlacedRelease> {
    const faults = await this.#supply(nodes, { timeoutMs: this.#timeoutMs });
    if (faults.length === 0) return { ...heldBy(nodes), notes: [] };
    throw await this.#withdraw(placementFailed(nodes, faults), nodes, faults);
  }

  async placeOnAny(nodes: readonly PlannedNode[]): Promise<PlacedRelease> {
    const faults: NodeFault[] = [];
    for (const [index, node] of nodes.entries()) {
      const found = await this.#supply([node], { timeoutMs: this.#timeoutMs, waitMs: anyWaitMs });
      if (found.length > 0) {
        faults.push(...found);
        continue;
      }
      const tried = nodesThatTook(nodes.slice(0, index), faults);
      const left = await letPackagesGo(this.#plan.release, tried, this.#context, this.#report);
      return { ...heldBy([node]), notes: [...faults.map(describeFault), ...left] };
    }
    throw await this.#withdraw(placementFailed(nodes, faults), nodes, faults);
  }

  /** Asks for what nodes have, too: from now on they hold it for the release. */
  async #supply(nodes: readonly PlannedNode[], limits: NodeLimits): Promise<readonly NodeFault[]> {
    const packages = new Map(this.#plan.packages.map((entry) => [`${entry.name}@${entry.version}`, entry]));
    const calls = nodes.flatMap((node) =>
      packagesOf(node).map((subject) => ensureCall(node.name, subject, this.#plan)),
    );
    try {
      const answers = await callNodes(calls, limits, this.#context, this.#report);
      return answers.flatMap((answer) => faultsOf(answer, packages.get(answer.call.subject)));
    } catch (error) {
      throw await this.#withdraw(error, this.#plan.placement.nodes, []);
    }
  }

  #withdraw(failure: unknown, nodes: readonly PlannedNode[], faults: readonly NodeFault[]): Promise<unknown> {
    const names = nodesThatTook(nodes, faults);
    return withdrawPlacement(failure, this.#plan.release, names, this.#context, this.#report);
  }
}

/** A node that took none of the calls holds nothing, and would not take another one either. */
function nodesThatTook(nodes: readonly PlannedNode[], faults: readonly NodeFault[]): readonly string[] {
  const silent = new Set(faults.filter(({ reason }) => reason === "silent").map(({ node }) => node));
  return nodes.map(({ name }) => name).filter((name) => !silent.has(name));
}

function packagesOf({ present, fetch }: PlannedNode): readonly string[] {
  return [...present, ...fetch];
}

function heldBy(nodes: readonly PlannedNode[]): Pick<PlacedRelease, "held"> {
  const packages = [...new Set(nodes.flatMap(packagesOf))];
  return packages.length === 0 ? {} : { held: { nodes: nodes.map(({ name }) => name), packages } };
}

function ensureCall(node: string, subject: string, { release, revision }: InstallPlan): NodeCall {
  const marks = { release, revision, package: subject, resource: `${placementMark}${node}` };
  return {
    node,
    subject,
    functionName: "cpm.ensure",
    kwargs: { package: subject, holder: release },
    stamp: (spec) => stampObject(spec, marks),
  };
}

/** A node's answer is held against the plan: its registry may be another one, and its directory may have moved. */
function faultsOf(
  { call, output = {}, failure }: NodeAnswer,
  planned: PlannedPackage | undefined,
): readonly NodeFault[] {
  const { node, subject } = call;
  if (failure !== undefined) return [{ node, package: subject, ...failure }];
  const { treeDigest, path } = output;
  if (treeDigest === planned?.tree && path === planned?.path) return [];
  const has = typeof path === "string" ? path : "no path";
  const message = `it answers ${has}, and the plan says ${planned?.path}: its registry has other files under the version, or its directory is another one`;
  return [{ node, package: subject, reason: "other-files", message }];
}

function describeFault({ node, package: subject, message }: NodeFault): string {
  return `${node} could not be supplied with ${subject}: ${message}`;
}

function placementFailed(nodes: readonly PlannedNode[], faults: readonly NodeFault[]): CpmError {
  const failed = new Set(faults.map(({ node }) => node)).size;
  const list = faults.map((fault) => `${fault.node}, ${fault.package}: ${fault.message}`);
  const what = `${failed} of ${nodes.length} nodes could not be supplied: ${list.join("; ")}`;
  return operationError("placement/failed", what, { context: { nodes: faults } });
}
