import type { JsonObject } from "@cpm/base";
import type { Job, JobHandler } from "@cpm/colonies";
import { agentError } from "../errors.ts";
import type { AgentNode } from "../node/agent-node.ts";
import type { InstalledRef } from "../node/installed-packages.ts";
import { removePackage } from "../node/remove-package.ts";
import { installedOf } from "../service/package-handlers.ts";
import { invalid } from "../service/parse-request.ts";
import type { Damage } from "../worker/worker-verifier.ts";
import { argumentsOf, parseFlag, parseHolder, parsePackage } from "./function-arguments.ts";
import { linesTo } from "./process-lines.ts";

/** More packages than this are not put into an output, nor more damaged paths of each of several packages. */
const maxListed = 1000;
const maxPathsOfEach = 100;
/** A colony's processes own no lease; the number is nobody's. */
const nobody = { uid: 0xffff_ffff, administrator: false };

/** What a colony may ask of this node, by function name. Arguments come as kwargs; others than the known are refused. */
export function nodeFunctions(node: AgentNode): Readonly<Record<string, JobHandler>> {
  return {
    /** `{package, holder?, requireSignature?}`: puts the newest version that fits on the node, keeps it for a release, and answers where it is. */
    "cpm.ensure": async (job) => {
      const given = argumentsOf(job, ["package", "holder", "requireSignature"]);
      const wanted = parsePackage(given["package"]);
      const holder = given["holder"] === undefined ? undefined : parseHolder(given["holder"]);
      const requireSignature = parseFlag(given, "requireSignature");
      const request = { wanted, pin: false, holder, requireSignature };
      const { ref, how, vouched } = await node.ensurer.ensure(request, nobody, phasesTo(job), job.signal);
      return [{ ...describe(node, ref), present: how === "present", signatureVerified: vouched }];
    },
    /** `{holder}`: what was kept for that release is kept for it no longer. */
    "cpm.release": async (job) => {
      const released = node.packages.releaseHolder(parseHolder(argumentsOf(job, ["holder"])["holder"]));
      return [{ released }];
    },
    /** `{package?, signatures?}`: reads every file of an installed package again, or of all that are installed; of one it also says who vouches for it. */
    "cpm.verify": async (job) => {
      const given = argumentsOf(job, ["package", "signatures"]);
      const signatures = parseFlag(given, "signatures");
      if (given["package"] === undefined) {
        if (signatures) throw invalid('"signatures" are asked for of one package');
        return [await verifyAll(node, job.signal)];
      }
      const ref = installedOf(node, parsePackage(given["package"]));
      const vouched = signatures ? { signers: [...(await node.ensurer.signersOf(ref, job.signal))] } : {};
      return [{ ...describeDamage(node, ref, await verify(node, ref, job.signal), maxListed), ...vouched }];
    },
    /** `{package}`, an exact version: takes it away, unless it is pinned or held. */
    "cpm.remove": async (job) => {
      const { name, selector } = parsePackage(argumentsOf(job, ["package"])["package"]);
      if (name === undefined || selector.kind !== "version")
        throw invalid('"package" is to be namespace/name@version, one exact version');
      const installed = node.packages.ref(name, selector.version.text);
      if (installed !== undefined) assertFree(node, installed);
      return [{ ...(await removePackage(node, name, selector.version)) }];
    },
    /** No arguments: what is installed, the first thousand, where, and how much space is free. */
    "cpm.list": async (job) => {
      argumentsOf(job, []);
      const refs = node.packages.list();
      const packages = refs.slice(0, maxListed).map((ref) => {
        const { holders, pinned } = node.packages.describe(ref);
        return { ...describe(node, ref), pinned, holders: [...holders] };
      });
      const { root } = node.store;
      return [{ root, platform: node.platform, packages, count: refs.length, freeBytes: node.freeBytes() }];
    },
  };
}

/** Writes each phase into the process's log once. */
function phasesTo(job: Job): (progress: { readonly phase: string }) => void {
  const tell = linesTo(job);
  let phase = "";
  return (progress) => {
    if (progress.phase === phase) return;
    phase = progress.phase;
    tell(phase);
  };
}

async function verify(node: AgentNode, { tree }: InstalledRef, signal: AbortSignal): Promise<Damage> {
  const damage = await node.verifier.verifyTree(node.store.treeFolder(tree), tree, { signal });
  if (damage.count > 0) node.events.add({ kind: "damaged", tree, healed: false });
  return damage;
}

/** One tree after the other, each once, whatever number of versions point to it. */
async function verifyAll(node: AgentNode, signal: AbortSignal): Promise<JsonObject> {
  const refs = node.packages.list();
  const seen = new Map<string, Damage>();
  for (const ref of refs) if (!seen.has(ref.tree)) seen.set(ref.tree, await verify(node, ref, signal));
  const intact = [...seen.values()].every(({ count }) => count === 0);
  const ofRef = (ref: InstalledRef): Damage => seen.get(ref.tree) ?? { paths: [], count: 0 };
  // What is damaged is not left out where there are more than can be listed.
  const damagedFirst = refs.toSorted((left, right) => ofRef(right).count - ofRef(left).count).slice(0, maxListed);
  const packages = damagedFirst.map((ref) => describeDamage(node, ref, ofRef(ref), maxPathsOfEach));
  return { intact, count: refs.length, packages };
}

function describeDamage(node: AgentNode, ref: InstalledRef, { paths, count }: Damage, maxPaths: number): JsonObject {
  const damagedPaths = paths.slice(0, maxPaths);
  return { ...describe(node, ref), intact: count === 0, damagedPaths, damagedCount: count };
}

/** On the node itself an administrator may remove what is kept; a process of a colony is of any member. */
function assertFree(node: AgentNode, ref: InstalledRef): void {
  const { pinned, holders, leases, name, version } = node.packages.describe(ref);
  const how = pinned
    ? "pinned"
    : holders.length > 0
      ? `kept for ${holders.slice(0, 10).join(", ")}`
      : leases > 0
        ? `leased ${leases} times`
        : undefined;
  if (how !== undefined) throw agentError("agent/held", `${name}@${version.text} is ${how}`);
}

function describe(node: AgentNode, ref: InstalledRef): JsonObject {
  const { path } = node.packages.describe(ref);
  return { name: ref.name, version: ref.version.text, treeDigest: ref.tree, path };
}
