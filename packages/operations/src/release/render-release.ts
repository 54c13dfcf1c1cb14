import type { Diagnostic, Digest, JsonObject, JsonValue } from "@cpm/base";
import { canonicalJson, encodeUtf8, isJsonObject } from "@cpm/base";
import type { GivenInput, InputValues } from "@cpm/model";
import { resolveInputs } from "@cpm/model";
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

/** One package of a release with everything that its templates became. */
export interface RenderedPackage {
  readonly entry: ReleasePackage;
  readonly inputs: InputValues;
  readonly resources: readonly RenderedResource[];
  readonly warnings: readonly Diagnostic[];
}

export interface RenderedResource {
  readonly resource: Resource;
  /** Unique per kind within the release: a dependency's carry its own name in front. */
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
 * every package after those that it needs, so that it sees their outputs. Throws `input/invalid` and
 * `template/invalid` with every fault of a package.
 */
export function renderRelease(
  packages: readonly ReleasePackage[],
  given: readonly GivenInput[],
  release: ReleaseIdentity,
  pathOf: (variant: PackageVariant) => string,
): readonly RenderedPackage[] {
  const inputs = chooseInputs(packages, given, release, pathOf);
  const scopes = new Map<string, DependencyScope>();
  return packages.map((entry) => {
    const { variant } = entry;
    const values = inputs.get(variant.manifest.name) ?? {};
    const scope = { ...scopeOf(variant, values, release, pathOf), deps: dependenciesOf(variant, scopes) };
    const rendered = renderPackage(entry, scope);
    scopes.set(variant.manifest.name, {
      path: scope.package.path,
      version: scope.package.version,
      outputs: outputsOf(variant, scope),
    });
    return { entry, inputs: values, ...rendered };
  });
}

/** From the root down: who needs a package gives it its inputs. */
function chooseInputs(
  packages: readonly ReleasePackage[],
  given: readonly GivenInput[],
  release: ReleaseIdentity,
  pathOf: (variant: PackageVariant) => string,
): ReadonlyMap<string, InputValues> {
  const givenTo = new Map<string, GivenInput[]>();
  const chosen = new Map<string, InputValues>();
  for (const { variant, root } of packages.toReversed()) {
    const { manifest } = variant;
    const inputs = resolveInputs(manifest.inputs, root ? given : (givenTo.get(manifest.name) ?? []));
    chosen.set(manifest.name, inputs);
    const scope = scopeOf(variant, inputs, release, pathOf);
    for (const dependency of manifest.dependencies) {
      const target = packages.find((candidate) => candidate.variant.manifest.name === dependency.name);
      if (target === undefined) continue;
      const passed = dependencyInputs(dependency, target.variant.manifest, `${manifest.name}/colony.yaml`, scope);
      givenTo.set(dependency.name, [...(givenTo.get(dependency.name) ?? []), ...passed]);
    }
  }
  return chosen;
}

function renderPackage(
  entry: ReleasePackage,
  scope: RenderScope,
): { resources: readonly RenderedResource[]; warnings: readonly Diagnostic[] } {
  const parsed = parseTemplates(entry.variant.templates);
  if (parsed.diagnostics.length > 0) throw invalidTemplates(parsed.diagnostics);
  const { resources, diagnostics } = checkResources(renderTemplates(parsed.documents, scope));
  if (diagnostics.some((fault) => fault.severity === "error")) throw invalidTemplates(diagnostics);
  const prefix = entry.root ? "" : `${entry.variant.manifest.name.replace("/", ".")}.`;
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
  variant: PackageVariant,
  scopes: ReadonlyMap<string, DependencyScope>,
): Readonly<Record<string, DependencyScope>> {
  return Object.fromEntries(
    variant.manifest.dependencies.flatMap(({ name, alias }) => {
      const scope = scopes.get(name);
      return scope === undefined ? [] : [[alias ?? name, scope]];
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
