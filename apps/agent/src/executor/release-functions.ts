import { isJsonObject } from "@cpm/base";
import type { JsonObject, JsonValue } from "@cpm/base";
import type { Job, JobHandler } from "@cpm/colonies";
import type { CredentialSource } from "@cpm/registry-client";
import { removeTree } from "@cpm/store";
import type { AgentNode } from "../node/agent-node.ts";
import { SharedWork } from "../node/shared-work.ts";
import type { InstallWork, ReleaseRequest } from "../releases/release-request.ts";
import { runRelease } from "../releases/run-release.ts";
import { invalid } from "../service/parse-request.ts";
import { argumentsOf, parseFlag } from "./function-arguments.ts";
import { linesTo } from "./process-lines.ts";

/** What installing takes beside a node. */
export interface ReleaseParts {
  readonly node: AgentNode;
  readonly colony: ReleaseRequest["colony"];
  readonly plainHttp: boolean | undefined;
  readonly credentials: CredentialSource;
}

/** Installs wait for nodes, this one among them; so few run and wait that what nodes are asked for always has its turn. */
const limits = { maxRunning: 2, maxWaiting: 16 };

/** What `cpm install` and `cpm uninstall` do, for who has nothing but the colony. */
export function releaseFunctions(parts: ReleaseParts): Readonly<Record<string, JobHandler>> {
  const running = new SharedWork<JsonObject, string>(limits);
  const carryOut = async (job: Job, work: ReleaseRequest["work"]): Promise<readonly JsonValue[]> => {
    let ended: Promise<unknown> = Promise.resolve();
    const begin = (report: (line: string) => void, signal: AbortSignal): Promise<JsonObject> => {
      const result = inScratch(parts, work, report, signal);
      ended = result.catch(() => {});
      return result;
    };
    try {
      return [(await running.join(job.process.id, begin, linesTo(job), job.signal)).result];
    } finally {
      // Who waits for this job, an agent that stops among them, waits for what it undoes.
      await ended;
    }
  };
  return {
    /** `{package, name?, inputs?, set.KEY?, placement?, selector?, dryRun?}` */
    "cpm.install": async (job) => carryOut(job, parseInstall(job)),
    /** `{release, purge?}` */
    "cpm.uninstall": async (job) => {
      const given = argumentsOf(job, ["release", "purge"]);
      const release = textOf("release", given["release"]);
      return carryOut(job, { kind: "uninstall", release, purge: parseFlag(given, "purge") });
    },
  };
}

/** `set.who: Ada` is `--set who=Ada`: the command line of ColonyOS gives texts and nothing else. */
const setPrefix = "set.";

function parseInstall(job: Job): InstallWork {
  const known = ["package", "name", "inputs", "placement", "selector", "dryRun"];
  const given = argumentsOf(job, known, setPrefix);
  const { package: wanted, name, inputs = {}, placement, selector } = given;
  if (!isJsonObject(inputs)) throw invalid('"inputs" is to be an object');
  if (placement !== undefined && placement !== "all" && placement !== "any" && placement !== "none")
    throw invalid('"placement" is to be all, any or none');
  return {
    kind: "install",
    package: textOf("package", wanted),
    name: name === undefined ? undefined : textOf("name", name),
    inputs,
    set: Object.keys(given)
      .filter((key) => key.startsWith(setPrefix))
      .map((key) => `${key.slice(setPrefix.length)}=${textOf(key, given[key])}`),
    placement,
    selector: selector === undefined ? undefined : textOf("selector", selector),
    dryRun: parseFlag(given, "dryRun"),
  };
}

function textOf(name: string, value: JsonValue | undefined): string {
  if (typeof value !== "string" || value === "") throw invalid(`"${name}" is to be a text`);
  return value;
}

/** What is read of packages is gone afterwards; a start after a crash removes it with all other staging. */
async function inScratch(
  { node, colony, plainHttp, credentials }: ReleaseParts,
  work: ReleaseRequest["work"],
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<JsonObject> {
  const { host } = node.registry;
  const { root } = node.store;
  const scratch = node.store.createStaging();
  try {
    const registry = { host, plainHttp, credential: await credentials.get(host) };
    const request: ReleaseRequest = { work, colony, registry, root, platform: node.platform, scratch };
    return await runRelease(request, { onLine: report, signal });
  } finally {
    await removeTree(scratch);
  }
}
