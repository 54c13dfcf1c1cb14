import { readFileSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { stringifyJson, toErrorRecord } from "@cpm/base";
import type { JsonObject, JsonValue } from "@cpm/base";
import { ColoniesClient, Identity } from "@cpm/colonies";
import { parseAssignment, parseReference, parseValuesFile } from "@cpm/model";
import {
  CachingReader,
  executeInstall,
  PackageMetadata,
  parseNodeSelector,
  prepareInstall,
  uninstallRelease,
} from "@cpm/operations";
import type { OperationProgress, PackageAccess, PlacementRequest, ReleaseContext } from "@cpm/operations";
import { createRegistryClient, systemClock } from "@cpm/registry-client";
import { BlobDirectory, NodeStore } from "@cpm/store";
import { agentError } from "../errors.ts";
import { hideProcess } from "../isolation/process-limits.ts";
import { version } from "../version.ts";
import type { InstallWork, ReleaseMessage, ReleaseRequest, UninstallWork } from "./release-request.ts";

/**
 * Installs or uninstalls a release, with the operations of the command line: this process reads packages and renders
 * templates, so that the one which listens does not. A signal to end interrupts it as Ctrl-C does `cpm`.
 */
export async function releaseProgram(): Promise<number> {
  hideProcess();
  const interrupt = new AbortController();
  process.on("SIGTERM", () => interrupt.abort(new Error("interrupted")));
  try {
    const request = JSON.parse(readFileSync(0, "utf8")) as ReleaseRequest;
    say({ type: "done", output: await carryOut(request, interrupt.signal) });
  } catch (error) {
    const { code, kind, message, hint } = toErrorRecord(error);
    say({ type: "failed", code, kind, message, ...(hint === undefined ? {} : { hint }) });
  }
  return 0;
}

function say(message: ReleaseMessage): void {
  writeSync(1, `${stringifyJson(message)}\n`);
}

function carryOut(request: ReleaseRequest, signal: AbortSignal): Promise<JsonObject> {
  const { work } = request;
  const context = openContext(request, signal);
  const report = createReport();
  return work.kind === "install" ? install(work, request, context, report) : uninstall(work, context, report);
}

async function install(
  work: InstallWork,
  { platform }: ReleaseRequest,
  context: ReleaseContext,
  report: (progress: OperationProgress) => void,
): Promise<JsonObject> {
  const inputs = { path: "inputs", text: stringifyJson(work.inputs) };
  const prepared = await prepareInstall(
    {
      // Never a path: files of the node are nothing that a member of the colony may name.
      source: { kind: "reference", reference: parseReference(work.package) },
      given: [...parseValuesFile(inputs), ...work.set.map(parseAssignment)],
      releaseName: work.name,
      platform,
      placement: placementOf(work),
    },
    context,
  );
  const warnings = prepared.warnings.map(({ message }) => message);
  if (work.dryRun) return { plan: prepared.plan as unknown as JsonObject, warnings };
  const { release, revision, created, notes } = await executeInstall(prepared, context, report);
  const root = prepared.plan.packages.at(-1);
  return {
    release,
    revision,
    package: `${root?.name ?? ""}@${root?.version ?? ""}`,
    digest: root?.digest ?? "",
    created: created as unknown as JsonValue,
    notes: [...warnings, ...notes],
  };
}

/** An agent writes its directory itself, so nothing is ever placed from here. */
function placementOf({ placement = "all", selector }: InstallWork): PlacementRequest {
  if (selector === undefined) return { mode: placement };
  return { mode: placement === "all" ? "selector" : placement, selector: parseNodeSelector(selector) };
}

async function uninstall(
  { release, purge }: UninstallWork,
  context: ReleaseContext,
  report: (progress: OperationProgress) => void,
): Promise<JsonObject> {
  const { revision, removed, notes } = await uninstallRelease({ release, purge }, context, report);
  return { release, revision, removed: removed as unknown as JsonValue, notes: [...notes] };
}

function openContext(request: ReleaseRequest, signal: AbortSignal): ReleaseContext {
  const { server, name, privateKey } = request.colony;
  return {
    client: new ColoniesClient({
      endpoint: server,
      colonyName: name,
      identity: Identity.fromPrivateKey(privateKey),
    }),
    node: new NodeStore(request.root),
    access: openAccess(request, signal),
    clock: systemClock,
    cpmVersion: version,
    hostName: hostname(),
    signal,
  };
}

/** From the agent's registry and no other: which one that is, is not for the colony to say. */
function openAccess({ registry: given, scratch }: ReleaseRequest, signal: AbortSignal): PackageAccess {
  const { host, plainHttp, credential } = given;
  const client = createRegistryClient({
    registry: host,
    ...(plainHttp === undefined ? {} : { plainHttp }),
    credentials: { get: async () => credential },
    userAgent: `cpm-agent/${version}`,
    clock: systemClock,
  });
  const registry = (wanted: string) => {
    if (wanted === host) return client;
    throw agentError("agent/other-registry", `packages of ${wanted} cannot be had here: this agent asks ${host}`);
  };
  const kept = new BlobDirectory(join(scratch, "contents"));
  return {
    defaultRegistry: host,
    registry,
    reader: (wanted, name) => new CachingReader(registry(wanted).repository(name), kept, false),
    metadata: new PackageMetadata({
      registry,
      cacheDirectory: join(scratch, "listings"),
      clock: systemClock,
      signal,
    }),
    clock: systemClock,
    scratch: () => scratch,
    signal,
  };
}

/** One line for each thing and each state that it comes to, however often that is reported. */
function createReport(): (progress: OperationProgress) => void {
  const states = new Map<string, string>();
  return ({ id, label, state }) => {
    if (states.get(id) === state) return;
    states.set(id, state);
    say({ type: "progress", line: `${label}: ${state}` });
  };
}
