import type { Clock, Diagnostic } from "@cpm/base";
import type { ColoniesClient } from "@cpm/colonies";
import type { GivenInput, Lockfile, Manifest, ReleaseName } from "@cpm/model";
import { isReleaseName, parseReleaseName, parseVersion, readVersion, redactInputs, splitPackageName } from "@cpm/model";
import type { NodeStore } from "@cpm/store";
import { holdsSecret, invalidTemplates } from "@cpm/template";
import { operationError } from "../errors.ts";
import type { PackageAccess, PackageSource } from "../package/locate-package.ts";
import type { PlacementRequest } from "../placement/choose-nodes.ts";
import { nameOfPackage, planPlacement } from "../placement/plan-placement.ts";
import type { PlannedPlacement } from "../placement/placement-plan.ts";
import type { PackageVariant } from "../package/read-package.ts";
import { executorTypesOf } from "../resources/executor-types.ts";
import { objectNameFaults } from "../resources/object-names.ts";
import { creationOrder, resourceHandlers } from "../resources/resource-handlers.ts";
import { withdrawalWarnings } from "../resolution/withdrawals.ts";
import type { ReleasePackage } from "./collect-packages.ts";
import { collectPackages } from "./collect-packages.ts";
import type { InstallPlan, PlannedPackage, PlannedResource } from "./install-plan.ts";
import { ReleaseBook } from "./release-book.ts";
import { nextRevision } from "./next-revision.ts";
import type { RenderedPackage, RenderedResource } from "./render-release.ts";
import { choosePlace } from "./release-place.ts";
import { renderRelease } from "./render-release.ts";
import { assertRequirements, checkRequirements } from "./requirements.ts";

export interface InstallRequest {
  readonly source: PackageSource;
  /** Default: the last part of the package's name. */
  readonly releaseName?: string | undefined;
  readonly given: readonly GivenInput[];
  /** `os/arch` of this machine, where the payload goes if no agent takes it. */
  readonly platform: string;
  /** Where the payload goes. A saved plan has decided it. */
  readonly placement?: PlacementRequest | undefined;
  /** Installs although an executor or a version is missing. */
  readonly skipRequirements?: boolean;
  /** Versions of dependencies to keep where they fit. */
  readonly lock?: Lockfile | undefined;
  /** Leaves out versions that were published more recently, in milliseconds. */
  readonly minimumAgeMs?: number | undefined;
  /** Versions that a saved plan has decided, and what it went on without. */
  readonly planned?: InstallPlan | undefined;
  /** Of the server, where the user knows it and the server does not tell it. */
  readonly colonyosVersion?: string | undefined;
  /** How long a client that is at work elsewhere may be silent before it counts as dead, in milliseconds. */
  readonly silenceMs?: number;
}

/** What operations on releases work with. */
export interface ReleaseContext {
  readonly client: ColoniesClient;
  /** With the colony owner's key, where the person gave it for this command. */
  readonly owner?: ColoniesClient | undefined;
  readonly node: NodeStore;
  readonly access: PackageAccess;
  readonly clock: Clock;
  readonly cpmVersion: string;
  /** The name of the machine, for the record of who did what. */
  readonly hostName: string;
  readonly signal?: AbortSignal | undefined;
}

/** A plan together with what it takes to execute it: the packages' sources, and the resources with their secrets. */
export interface PreparedInstall {
  readonly plan: InstallPlan;
  readonly packages: readonly ReleasePackage[];
  /** In the order of `plan.resources`. */
  readonly resources: readonly RenderedResource[];
  readonly warnings: readonly Diagnostic[];
}

/**
 * Works out what installing means, and changes nothing: finds and reads the packages, checks inputs, renders, looks
 * at the colony. Throws everything that can be known to be wrong beforehand, so that little is left to go wrong
 * half-way: `release/exists`, `release/busy`, `colony/missing-executor`, `colony/not-prepared`, `placement/…` among it.
 */
export async function prepareInstall(request: InstallRequest, context: ReleaseContext): Promise<PreparedInstall> {
  const { client, node, signal } = context;
  const book = new ReleaseBook(client, context.clock);
  const executors = await client.executors.list({ signal });
  const { revisions: releases } = await book.read(signal);
  const { lock, minimumAgeMs } = request;
  const { chosen, pathOf } = choosePlace(request, executors, node);
  const { platform } = chosen;
  // Who installs without what is required does not look at what there is.
  const accepted = request.planned?.requirements ?? [];
  const skips = request.skipRequirements === true || accepted.some(({ result }) => result === "missing");
  const colony = skips ? undefined : { executors, releases };
  const colonyosVersion = request.colonyosVersion ?? (await toldVersion(client, signal));
  const world = {
    cpmVersion: context.cpmVersion,
    platform,
    colonyosVersion,
    ...(colony === undefined ? {} : { colony }),
  };
  const pins = request.planned?.packages.map(({ name, version }) => ({ name, version: parseVersion(version) }));
  const collected = await collectPackages(request.source, context.access, {
    world,
    lock,
    minimumAgeMs,
    given: request.given,
    pins,
  });
  const root = collected.at(-1);
  if (root === undefined) throw new TypeError("a release has a package");
  const release = chooseName(request.releaseName, root.variant);
  const { revision, recovers } = await nextRevision(book, release, context.clock, request.silenceMs, signal);
  const identity = { name: release, revision, colony: client.colonyName };
  const rendered = renderRelease(collected, request.given, identity, pathOf);
  // What no condition wants is not placed, and asks nothing of the colony.
  const packages = [...new Set(rendered.map(({ entry }) => entry))];
  const resources = orderResources(rendered);
  const faults = objectNameFaults(release, resources);
  if (faults.length > 0) throw invalidTemplates(faults);
  const requirements = checkRequirements(
    packages.map(({ variant }) => variant.manifest),
    executorTypesOf(resources.map(({ resource }) => resource)),
    executors,
    { cpm: context.cpmVersion, colonyos: colonyosVersion },
  );
  if (request.skipRequirements !== true) assertRequirements(requirements, accepted);
  const placement = planPlacement(chosen, packages);
  const plan: InstallPlan = {
    format: "cpm/plan/v1",
    release,
    revision,
    colony: client.colonyName,
    packages: rendered.map((entry) => planPackage(entry, placement, pathOf(entry.entry.variant), node)),
    placement,
    resources: resources.map((entry) => planResource(entry, rendered, release)),
    requirements,
    ...(recovers === undefined ? {} : { recovers }),
  };
  return {
    plan,
    packages,
    resources,
    warnings: [...withdrawn(packages), ...rendered.flatMap((entry) => entry.warnings)],
  };
}

function withdrawn(packages: readonly ReleasePackage[]): readonly Diagnostic[] {
  return withdrawalWarnings(
    packages.flatMap(({ variant: { manifest }, withdrawal }) =>
      withdrawal === undefined ? [] : [{ name: manifest.name, version: manifest.version, ...withdrawal }],
    ),
  );
}

function chooseName(given: string | undefined, variant: PackageVariant): ReleaseName {
  if (given !== undefined) return parseReleaseName(given);
  const { base } = splitPackageName(variant.manifest.name);
  if (isReleaseName(base)) return base;
  throw operationError("release/name-needed", `"${base}" is too long for a release name`);
}

function orderResources(rendered: readonly RenderedPackage[]): readonly RenderedResource[] {
  const all = rendered.flatMap((entry) => entry.resources);
  return creationOrder.flatMap((kind) => all.filter(({ resource }) => resource.kind === kind));
}

/** A release of the server tells its version; a plain build of it does not. */
async function toldVersion(client: ColoniesClient, signal: AbortSignal | undefined): Promise<string | undefined> {
  const { buildversion } = await client.server.version({ signal });
  return typeof buildversion === "string" ? readVersion(buildversion.replace(/^v/, ""))?.text : undefined;
}

function planPackage(
  { entry, instance, inputs }: RenderedPackage,
  placement: PlannedPlacement,
  path: string,
  node: NodeStore,
): PlannedPackage {
  const { variant, registry } = entry;
  const { manifest, config, root, layers } = variant;
  return {
    name: manifest.name,
    ...(instance === undefined ? {} : { instance }),
    version: manifest.version.text,
    digest: root.digest,
    ...(registry === undefined ? {} : { registry }),
    tree: config.tree,
    path,
    placed:
      placement.mode === "here"
        ? node.holds(config.tree)
        : placement.nodes.every(({ fetch }) => !fetch.includes(nameOfPackage(entry))),
    sizeBytes: layers.reduce((sum, layer) => sum + layer.sizeBytes, 0),
    inputs: redactInputs(inputs),
    secretInputs: manifest.inputs
      .filter((input) => input.type === "secret" && input.key in inputs)
      .map(({ key }) => key),
    ...releaseRequirements(manifest),
  };
}

function releaseRequirements({ requires }: Manifest): Pick<PlannedPackage, "requires"> {
  const texts = (ranges: Manifest["requires"]["releases"]) =>
    Object.fromEntries(Object.entries(ranges).map(([name, range]) => [name, range.text]));
  const [releases, absent] = [texts(requires.releases), texts(requires.absent)];
  const asksNothing = Object.keys(releases).length + Object.keys(absent).length === 0;
  return asksNothing ? {} : { requires: { releases, absent } };
}

function planResource(
  entry: RenderedResource,
  rendered: readonly RenderedPackage[],
  release: ReleaseName,
): PlannedResource {
  const owner = rendered.find((candidate) => candidate.resources.includes(entry));
  if (owner === undefined) throw new TypeError("a resource comes from a package");
  const { kind, spec } = entry.resource;
  const object = resourceHandlers[kind].objectName(release, entry.name);
  return {
    package: owner.entry.variant.manifest.name,
    ...(owner.instance === undefined ? {} : { instance: owner.instance }),
    kind,
    name: entry.name,
    ...(object === undefined ? {} : { object }),
    digest: entry.digest,
    spec: entry.redacted,
    secret: holdsSecret(spec),
  };
}
