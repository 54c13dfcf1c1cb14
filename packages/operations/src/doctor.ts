import { statfsSync, statSync } from "node:fs";
import type { CancelSignal } from "@cpm/base";
import { formatBytes, isCpmError, toErrorRecord } from "@cpm/base";
import type { ColoniesClient } from "@cpm/colonies";
import type { RegistryClient } from "@cpm/registry-client";
import { canShareFiles, openNodeStore, withFileErrors } from "@cpm/store";
import { isColonyPrepared } from "./release/colony-init.ts";

/** What is examined: the settings as they are, whether or not they work. */
export interface DoctorTarget {
  readonly packagesRoot: string;
  readonly credentialFile: string;
  readonly registry?: Pick<RegistryClient, "registry" | "ping" | "searchPackages"> | undefined;
  /** Absent where no server or no colony is configured. */
  readonly colony?: ColoniesClient | undefined;
  readonly signal?: CancelSignal | undefined;
}

export interface CheckResult {
  readonly name: string;
  readonly level: "ok" | "warning" | "failed";
  readonly detail: string;
  /** What to do; there for whatever is not ok. */
  readonly fix?: string;
}

const lowSpaceBytes = 1024 ** 3;

/** Examines this machine, the registry and the colony, from the ground up. Never throws for what it examines. */
export async function examine(target: DoctorTarget): Promise<readonly CheckResult[]> {
  return [
    await check("packages directory", () => examinePackages(target.packagesRoot)),
    await check("credential file", () => examineCredentials(target.credentialFile)),
    await check("registry", () => examineRegistry(target)),
    ...(await examineColony(target)),
  ];
}

/** For failures that bring no advice of their own. */
const fixes: Readonly<Record<string, string>> = {
  "packages directory": "Name a directory that you may write to with CPM_PACKAGES.",
  "credential file": "Remove what stands in its place; `cpm login` makes it anew.",
  registry: "Check that it runs, and CPM_REGISTRY.",
  "ColonyOS server": "Check that it runs, and COLONIES_SERVER_HOST, COLONIES_SERVER_PORT and COLONIES_TLS.",
  "colony membership": "Check COLONIES_COLONY_NAME and COLONIES_PRVKEY.",
  releases: "Check that the ColonyOS server is well.",
  executors: "Check that the ColonyOS server is well.",
};

type Finding = Omit<CheckResult, "name">;

async function check(name: string, run: () => Finding | Promise<Finding>): Promise<CheckResult> {
  try {
    return { name, ...(await run()) };
  } catch (error) {
    if (!isCpmError(error)) throw error;
    const { message, hint } = toErrorRecord(error);
    return { name, level: "failed", detail: message, fix: hint ?? fixes[name] ?? "" };
  }
}

function examinePackages(root: string): Finding {
  openNodeStore(root);
  const { bavail, bsize } = withFileErrors("measure", root, () => statfsSync(root));
  const freeBytes = bavail * bsize;
  const shares = canShareFiles(root);
  const sharing = shares ? "an agent can let versions share files" : "versions cannot share files";
  const detail = `${root}, ${formatBytes(freeBytes)} free, ${sharing}`;
  if (freeBytes >= lowSpaceBytes && shares) return { level: "ok", detail };
  if (freeBytes >= lowSpaceBytes) {
    const fix =
      "There are no hard links here, so every version takes its whole size. Name a directory on ext4, XFS or btrfs with CPM_PACKAGES.";
    return { level: "warning", detail, fix };
  }
  return { level: "warning", detail, fix: "Free some space, or name another directory with CPM_PACKAGES." };
}

function examineCredentials(path: string): Finding {
  const stat = withFileErrors("read", path, () => statSync(path, { throwIfNoEntry: false }));
  if (stat === undefined) return { level: "ok", detail: "none stored" };
  const open = (stat.mode & 0o077) !== 0 && process.platform !== "win32";
  if (!open) return { level: "ok", detail: path };
  return { level: "failed", detail: `${path} can be read by others`, fix: `chmod 600 ${path}` };
}

async function examineRegistry({ registry, signal }: DoctorTarget): Promise<Finding> {
  if (registry === undefined) {
    const fix = "Set CPM_REGISTRY, or `registry:` in cpm.config.yaml; `cpm dev up` starts one here.";
    return { level: "warning", detail: "none configured", fix };
  }
  await registry.ping({ signal });
  try {
    await registry.searchPackages("", { limit: 1, signal });
    return { level: "ok", detail: registry.registry };
  } catch (error) {
    if (!isCpmError(error, "registry/no-index")) throw error;
    const fix = "Packages are found by their full names only; cpm-registry has an index.";
    return { level: "warning", detail: `${registry.registry} has no package index`, fix };
  }
}

/** Each check makes sense only when the one before it passed, so the first that fails is the last. */
async function examineColony({ colony, signal }: DoctorTarget): Promise<readonly CheckResult[]> {
  if (colony === undefined) {
    const fix =
      "Set COLONIES_SERVER_HOST, COLONIES_COLONY_NAME and COLONIES_PRVKEY; `cpm dev up` starts a colony here.";
    return [{ name: "colony", level: "warning", detail: "none configured", fix }];
  }
  const steps: readonly [string, () => Promise<Finding>][] = [
    ["ColonyOS server", async () => examineServer(colony, signal)],
    ["colony membership", async () => examineMembership(colony, signal)],
    ["releases", async () => examineReleases(colony, signal)],
    ["executors", async () => examineExecutors(colony, signal)],
  ];
  const results: CheckResult[] = [];
  for (const [name, run] of steps) {
    const result = await check(name, run);
    results.push(result);
    if (result.level === "failed") break;
  }
  return results;
}

async function examineServer(colony: ColoniesClient, signal: CancelSignal | undefined): Promise<Finding> {
  await colony.server.info({ signal });
  return { level: "ok", detail: colony.endpoint };
}

async function examineMembership(colony: ColoniesClient, signal: CancelSignal | undefined): Promise<Finding> {
  const id = colony.identity?.id.slice(0, 12) ?? "";
  if (colony.identity === undefined) {
    return { level: "failed", detail: "there is no key to sign with", fix: "Set COLONIES_PRVKEY to your user's key." };
  }
  const { name } = await colony.colony.get({ signal });
  return { level: "ok", detail: `the key ${id}… is a member of ${name}` };
}

async function examineReleases(colony: ColoniesClient, signal: CancelSignal | undefined): Promise<Finding> {
  if (await isColonyPrepared(colony, signal)) return { level: "ok", detail: "the colony keeps releases" };
  const fix = "The colony's owner runs `cpm colony init` once, with the owner's key in COLONIES_COLONY_PRVKEY.";
  return { level: "warning", detail: "the colony does not keep releases yet", fix };
}

async function examineExecutors(colony: ColoniesClient, signal: CancelSignal | undefined): Promise<Finding> {
  const approved = (await colony.executors.list({ signal })).filter((executor) => executor.state === "approved");
  const types = [...new Set(approved.map((executor) => executor.type))].toSorted();
  if (approved.length > 0) return { level: "ok", detail: `${approved.length} approved: ${types.join(", ")}` };
  return {
    level: "warning",
    detail: "none is approved",
    fix: "Start an executor and approve it; work waits until then.",
  };
}
