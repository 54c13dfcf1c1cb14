import type { Digest } from "@cpm/base";
import type { InputDefinition, InputValues, Manifest } from "@cpm/model";
import { Secret } from "@cpm/model";
import type { StaticScope } from "./cel/infer.ts";
import type { StaticType } from "./cel/static-type.ts";
import { listOf, mapOf, recordOf, types } from "./cel/static-type.ts";
import type { ScopeValue } from "./cel/values.ts";

/** Everything that the templates of one release may read. No clock, no chance, nothing of the machine. */
export interface RenderScope {
  readonly inputs: InputValues;
  readonly release: { readonly name: string; readonly revision: number; readonly colony: string };
  readonly package: {
    readonly name: string;
    readonly version: string;
    readonly digest: Digest | "";
    readonly path: string;
  };
  readonly deps: Readonly<Record<string, DependencyScope>>;
}

/** What a dependency shows to its dependents: where its payload is, and its declared outputs. */
export interface DependencyScope {
  readonly path: string;
  readonly version: string;
  readonly outputs: Readonly<Record<string, ScopeValue>>;
}

/** The names that every expression may use. */
export const scopeRoots: readonly string[] = ["inputs", "release", "package", "deps"];

/** What a package's templates may name, by its manifest. */
export function staticScope(manifest: Manifest): StaticScope {
  const dependency = recordOf("the dependency", [
    ["path", types.string],
    ["version", types.string],
    ["outputs", mapOf(types.dyn)],
  ]);
  return new Map<string, StaticType>([
    ...inputsScope(manifest.inputs),
    [
      "release",
      recordOf("release", [
        ["name", types.string],
        ["revision", types.int],
        ["colony", types.string],
      ]),
    ],
    [
      "package",
      recordOf("package", [
        ["name", types.string],
        ["version", types.string],
        ["digest", types.string],
        ["path", types.string],
      ]),
    ],
    [
      "deps",
      recordOf(
        "deps",
        [...manifest.dependencies].map((entry) => [entry.alias ?? entry.name, dependency]),
      ),
    ],
  ]);
}

/** What a condition may name: it must be known before versions are chosen. */
export function inputsScope(inputs: readonly InputDefinition[]): StaticScope {
  const fields = inputs.map((input) => [input.key, inputType(input)] as const);
  return new Map([["inputs", recordOf("inputs", fields)]]);
}

/**
 * The values as CEL sees them. A secret is an empty map here: expressions can ask whether it is given, and there
 * is nothing in it to show. A leaf that is exactly a secret takes it from the inputs, past CEL.
 */
export function celScope(scope: RenderScope): Readonly<Record<string, ScopeValue>> {
  const inputs = Object.fromEntries(
    Object.entries(scope.inputs).map(([key, value]) => [key, value instanceof Secret ? {} : (value as ScopeValue)]),
  );
  const deps = Object.fromEntries(Object.entries(scope.deps).map(([name, dependency]) => [name, { ...dependency }]));
  return {
    inputs,
    release: { ...scope.release, revision: BigInt(scope.release.revision) },
    package: { ...scope.package },
    deps,
  };
}

function inputType(input: InputDefinition): StaticType {
  switch (input.type) {
    case "string":
    case "select":
      return types.string;
    case "int":
      return types.int;
    case "number":
      return types.double;
    case "bool":
      return types.bool;
    case "list":
      return listOf(types.dyn);
    case "object":
      return mapOf(types.dyn);
    case "secret":
      return { kind: "secret", name: input.key };
    default:
      return types.dyn;
  }
}
