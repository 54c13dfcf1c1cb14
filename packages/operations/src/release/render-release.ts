import type { Diagnostic, Digest, JsonObject, JsonValue } from "@cpm/base";
import { canonicalJson, encodeUtf8, isJsonObject } from "@cpm/base";
import type { GivenInput, InputValues } from "@cpm/model";
import { digestOf } from "@cpm/store";
import type { DependencyScope, RenderScope, Resource, ScopeValue } from "@cpm/template";
import {
  checkResources,
  invalidTemplates,
  parseTemplates,
  redactedJson,
  renderTemplates,
  renderValues,
} from "@cpm/template";
import type { PackageVariant } from "../package/read-package.ts";
import { dependencyInputs } from "./dependency-inputs.ts";
import type { ReleasePackage } from "./collect-packages.ts";
import type { PackageInstance } from "./release-instances.ts";
import { instancePath, releaseInstances } from "./release-instances.ts";

/** One package of a release with everything that its templates became. */
export interface RenderedPackage {
  readonly entry: ReleasePackage;
  /** Which instance of a multi-instance package; absent for the one that everybody shares. */
  readonly instance?: string;
  readonly inputs: InputValues;
  readonly resources: readonly RenderedResource[];
  readonly warnings: readonly Diagnostic[];
}

export interface RenderedResource {
  readonly resource: Resource;
  /** Unique per kind within the release: a dependency's carry its own name in front, and its instance's. */
  readonly name: string;
  readonly redacted: JsonObject;
  /** Of the redacted text. */
  readonly digest: Digest;
}

/** What the templates of a release may know of it. */
export interface ReleaseIdentity {
  readonly name: string;
  readonly revision: number;
  readonly colony: string;
}

/**
 * Renders a release: the inputs of the package that was asked for, from there those of its dependencies, and then
 * every package after those that it needs, so that it sees their outputs; a package that no condition wants is left
 * out. Throws `input/invalid` and `template/invalid` with every fault of a package.
 */
export function renderRelease(
  packages: readonly ReleasePackage[],
  given: readonly GivenInput[],
  release: ReleaseIdentity,
  pathOf: (variant: PackageVariant) => string,
): readonly RenderedPackage[] {
  const instances = releaseInstances(packages, given, (owner, dependency, target) => {
    const { variant } = owner.entry;
    const scope = scopeOf(variant, owner.inputs, release, pathOf);
    return dependencyInputs(dependency, target.manifest, `${variant.manifest.name}/colony.yaml`, scope);
  });
  const scopes = new Map<PackageInstance, DependencyScope>();
  return instances.map((instance) => {
    const { entry, inputs, name } = instance;
    const { variant } = entry;
    const scope = { ...scopeOf(variant, inputs, release, pathOf), deps: dependenciesOf(instance, scopes) };
    const rendered = renderPackage(instance, scope);
    scopes.set(instance, {
      path: scope.package.path,
      version: scope.package.version,
      outputs: outputsOf(variant, scope),
    });
    return { entry, ...(name === undefined ? {} : { instance: name }), inputs, ...rendered };
  });
}

function renderPackage(
  { entry, name }: PackageInstance,
  scope: RenderScope,
): { resources: readonly RenderedResource[]; warnings: readonly Diagnostic[] } {
  const parsed = parseTemplates(entry.variant.templates);
  if (parsed.diagnostics.length > 0) throw invalidTemplates(parsed.diagnostics);
  const { resources, diagnostics } = checkResources(renderTemplates(parsed.documents, scope));
  if (diagnostics.some((fault) => fault.severity === "error")) throw invalidTemplates(diagnostics);
  const prefix = entry.root ? "" : `${instancePath(entry.variant.manifest.name, name)}.`;
  return {
    resources: resources.map((resource) => {
      const redacted = redactedJson(resource.spec);
      if (!isJsonObject(redacted)) throw new TypeError("a checked resource is a map");
      return {
        resource,
        name: prefix + resource.name,
        redacted,
        digest: digestOf(encodeUtf8(canonicalJson(redacted))),
      };
    }),
    warnings: diagnostics,
  };
}

function scopeOf(
  variant: PackageVariant,
  inputs: InputValues,
  release: ReleaseIdentity,
  pathOf: (variant: PackageVariant) => string,
): RenderScope {
  const { manifest, root } = variant;
  return {
    inputs,
    release: { name: release.name, revision: release.revision, colony: release.colony },
    package: { name: manifest.name, version: manifest.version.text, digest: root.digest, path: pathOf(variant) },
    deps: {},
  };
}

function dependenciesOf(
  { dependencies }: PackageInstance,
  scopes: ReadonlyMap<PackageInstance, DependencyScope>,
): Readonly<Record<string, DependencyScope>> {
  return Object.fromEntries(
    [...dependencies].flatMap(([called, instance]) => {
      const scope = scopes.get(instance);
      return scope === undefined ? [] : [[called, scope]];
    }),
  );
}

function outputsOf(variant: PackageVariant, scope: RenderScope): Readonly<Record<string, ScopeValue>> {
  const { name, outputs } = variant.manifest;
  const entries = renderValues(outputs, `${name}/colony.yaml`, scope);
  return Object.fromEntries(entries.map(({ key, value }) => [key, toScopeValue(redactedJson(value))]));
}

/** Whole numbers are int64 in expressions. */
function toScopeValue(value: JsonValue): ScopeValue {
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map((item: JsonValue) => toScopeValue(item));
  if (isJsonObject(value))
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toScopeValue(item)]));
  return value;
}
