import { create } from "@bufbuild/protobuf";
import { PackageReferenceSchema } from "@cpm/agent-client/contract";
import { isJsonObject } from "@cpm/base";
import type { JsonObject, JsonValue } from "@cpm/base";
import type { Job, JobHandler } from "@cpm/colonies";
import { agentError } from "../errors.ts";
import type { AgentNode } from "../node/agent-node.ts";
import type { InstalledRef } from "../node/installed-packages.ts";
import type { PackageRequest } from "../node/package-request.ts";
import { removePackage } from "../node/remove-package.ts";
import { installedOf } from "../service/package-handlers.ts";
import { invalid, parsePackageRequest } from "../service/parse-request.ts";

/** More than this of anything is not put into an output. */
const maxListed = 1000;
/** A colony's processes own no lease; the number is nobody's. */
const nobody = { uid: 0xffff_ffff, administrator: false };

/** What a colony may ask of this node, by function name. Arguments come as kwargs; others than the known are refused. */
export function nodeFunctions(node: AgentNode): Readonly<Record<string, JobHandler>> {
  return {
    /** `{package}`: puts the newest version that fits on the node and answers where it is. */
    "cpm.ensure": async (job) => {
      const wanted = wantedBy(job);
      let phase = "";
      const { ref, how } = await node.ensurer.ensure(
        { wanted, pin: false },
        nobody,
        (progress) => {
          if (progress.phase === phase) return;
          phase = progress.phase;
          // Jobs do not end for a line that could not be written.
          void job.log(`${phase}\n`).catch(() => {});
        },
        job.signal,
      );
      return [{ ...describe(node, ref), present: how === "present" }];
    },
    /** `{package}`: reads every file of an installed package again. */
    "cpm.verify": async (job) => {
      const ref = installedOf(node, wantedBy(job));
      const folder = node.store.treeFolder(ref.tree);
      const { paths, count } = await node.verifier.verifyTree(folder, ref.tree, { signal: job.signal });
      if (count > 0) node.events.add({ kind: "damaged", tree: ref.tree, healed: false });
      return [
        {
          ...describe(node, ref),
          intact: count === 0,
          damagedPaths: [...paths],
          damagedCount: count,
        },
      ];
    },
    /** `{package}`, an exact version: takes it away, unless it is pinned or held. */
    "cpm.remove": async (job) => {
      const { name, selector } = wantedBy(job);
      if (name === undefined || selector.kind !== "version")
        throw invalid('"package" is to be namespace/name@version, one exact version');
      const installed = node.packages.ref(name, selector.version.text);
      if (installed !== undefined) assertFree(node, installed);
      return [{ ...(await removePackage(node, name, selector.version)) }];
    },
    /** No arguments: what is installed, the first thousand, and how much space is free. */
    "cpm.list": async (job) => {
      argumentsOf(job, []);
      const refs = node.packages.list();
      const packages = refs.slice(0, maxListed).map((ref) => describe(node, ref));
      return [{ packages, count: refs.length, freeBytes: node.freeBytes() }];
    },
  };
}

/** On the node itself an administrator may remove what is pinned; a process of a colony is of any member. */
function assertFree(node: AgentNode, ref: InstalledRef): void {
  const { pinned, leases, name, version } = node.packages.describe(ref);
  if (pinned || leases > 0)
    throw agentError("agent/held", `${name}@${version.text} is ${pinned ? "pinned" : `leased ${leases} times`}`);
}

function describe(node: AgentNode, ref: InstalledRef): JsonObject {
  const { path } = node.packages.describe(ref);
  return { name: ref.name, version: ref.version.text, treeDigest: ref.tree, path };
}

function wantedBy(job: Job): PackageRequest {
  const text = argumentsOf(job, ["package"])["package"];
  if (typeof text !== "string") throw invalid('"package" is to be namespace/name or namespace/name@range');
  const at = text.indexOf("@");
  const name = at === -1 ? text : text.slice(0, at);
  const selector = at === -1 ? {} : { selector: { case: "range" as const, value: text.slice(at + 1) } };
  return parsePackageRequest(create(PackageReferenceSchema, { name, ...selector }));
}

function argumentsOf({ process }: Job, known: readonly string[]): JsonObject {
  const { args, kwargs } = process.spec;
  if (Array.isArray(args) && args.length > 0) throw invalid("arguments are given by name, in kwargs");
  const given: JsonValue = kwargs ?? {};
  if (!isJsonObject(given)) throw invalid("kwargs are no object");
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined) throw invalid(`there is no argument ${JSON.stringify(unknown.slice(0, 64))}`);
  return given;
}
