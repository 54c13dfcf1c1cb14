import type { JsonObject, JsonValue } from "@cpm/base";
import { globFault } from "./glob.ts";
import { dependencies } from "./manifest-dependencies.ts";
import { inputDefinitionSchema } from "./input-definition.ts";
import type { InputDefinition } from "./input-definition.ts";
import { identifier, packageName, range, version } from "./name-schemas.ts";
import { namePartPattern } from "./package-name.ts";
import type { PackageName } from "./package-name.ts";
import type { Range } from "./range.ts";
import { listOf, objectOf, recordOf } from "./schema/collections.ts";
import { flag, integer, oneOf, text } from "./schema/scalars.ts";
import { checked, converted } from "./schema/schema.ts";
import type { Schema } from "./schema/schema.ts";
import type { Version } from "./version.ts";

/** `colony.yaml`, parsed and checked: every default is filled in, every text that means something has its type. */
export interface Manifest {
  readonly apiVersion: "cpm/v1";
  readonly name: PackageName;
  readonly version: Version;
  readonly description: string;
  readonly license?: string;
  readonly keywords: readonly string[];
  readonly maintainers: readonly Maintainer[];
  readonly repository?: string;
  readonly homepage?: string;
  readonly deprecated?: string;
  /** Whether one release may hold it several times, each with inputs and resources of its own. */
  readonly multiInstance: boolean;
  readonly requires: Requirements;
  readonly inputs: readonly InputDefinition[];
  readonly dependencies: readonly Dependency[];
  readonly outputs: Readonly<Record<string, string>>;
  readonly payload: readonly PayloadRule[];
}

export interface Maintainer {
  readonly name: string;
  readonly email?: string;
  readonly url?: string;
}

/** What a colony must offer for the package to be installed there. */
export interface Requirements {
  readonly colonyos?: Range;
  readonly cpm?: Range;
  readonly executors: readonly ExecutorRequirement[];
  /** Packages that releases of the colony must have, by name. */
  readonly releases: Readonly<Record<string, Range>>;
  /** Packages that no release of the colony may have, by name. */
  readonly absent: Readonly<Record<string, Range>>;
}

/** At least one live executor of this type that has, on one kind of node, all of what is asked for. */
export interface ExecutorRequirement {
  readonly type: string;
  readonly arch: readonly string[];
  /** Of a node, at least: `16Gi`. */
  readonly memory?: string;
  readonly gpu?: GpuRequirement;
}

export interface GpuRequirement {
  /** As the executor calls it, such as `nvidia_a100`. */
  readonly name?: string;
  /** Of a node, at least. */
  readonly count: number;
  /** Of each, at least: `40Gi`. */
  readonly memory?: string;
}

/** A package that is needed. One that is multi-instance may be needed several times, by an alias each. */
export interface Dependency {
  readonly name: PackageName;
  readonly version: Range;
  /** How templates call it, in place of its name. */
  readonly alias?: string;
  /** One expression over this package's inputs, `${…}`; when it gives false the package is not needed. */
  readonly when?: string;
  /** Inputs for it: plain values or expressions over this package's inputs. */
  readonly with: Readonly<Record<string, JsonValue>>;
}

/** Files that become one layer with the other rules of the same platform. */
export interface PayloadRule {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** `os/arch` in Go's names; absent for every platform. */
  readonly platform?: string;
}

const line = (maxLength: number) => text("text", { minLength: 1, maxLength });
const url = text("an https address", {
  pattern: "https?://[^\\s]+",
  maxLength: 500,
  patternHint: "Write it in full: https://…",
});
const executorType = text("an executor type", { pattern: "[A-Za-z0-9._-]+", maxLength: 128 });
const platform = text("os/arch", {
  pattern: "(linux|darwin|windows|freebsd)/(amd64|arm64|arm|386|riscv64|ppc64le|s390x)",
  patternHint: "Go's names: linux/amd64, linux/arm64, darwin/arm64, windows/amd64 …",
});
const glob = checked(text("a file pattern", { minLength: 1, maxLength: 512 }), (value, node, faults) => {
  const fault = globFault(value);
  if (fault !== undefined) faults.add("manifest/invalid-value", node, fault);
  return fault === undefined;
});

const smallCount: Schema<number> = converted(
  integer({ min: 1n, max: 1024n }),
  "a whole number",
  Number,
  BigInt,
  (value) => ({ message: `${value} is too large` }),
);

const packageRanges: Schema<Readonly<Record<string, Range>>> = recordOf(
  text("namespace/name", { pattern: `${namePartPattern}/${namePartPattern}`, maxLength: 129 }),
  range,
  { maxKeys: 200 },
);

const maintainer = objectOf<Maintainer>("a maintainer", {
  name: { schema: line(200), description: "Who.", required: true },
  email: {
    schema: text("an email address", { pattern: "[^@\\s]+@[^@\\s]+", maxLength: 200 }),
    description: "Where to write.",
  },
  url: { schema: url, description: "Where to look." },
});

const memory = text("an amount of memory", {
  pattern: "[1-9][0-9]{0,9}(Mi|Gi)",
  patternHint: "In ColonyOS's units: 512Mi, 16Gi.",
});

const gpuRequirement = objectOf<GpuRequirement>("a GPU requirement", {
  name: {
    schema: text("a GPU's name", { minLength: 1, maxLength: 128 }),
    description: "What the executor calls it. Any will do without it.",
  },
  count: { schema: smallCount, description: "How many a node must have.", default: 1 },
  memory: { schema: memory, description: "What each must have." },
});

const executorRequirement = objectOf<ExecutorRequirement>("an executor requirement", {
  type: { schema: executorType, description: "The executor type, such as container-executor.", required: true },
  arch: {
    schema: listOf(oneOf(["amd64", "arm64", "arm", "386", "riscv64", "ppc64le", "s390x"]), { maxItems: 16 }),
    description: "Architectures that the payload runs on; any of them will do. Empty for all.",
    default: [],
  },
  memory: { schema: memory, description: "Memory that a node of it must have, such as 16Gi." },
  gpu: { schema: gpuRequirement, description: "GPUs that a node of it must have." },
});

const requirements = objectOf<Requirements>("requirements", {
  colonyos: { schema: range, description: "Versions of the ColonyOS server." },
  cpm: { schema: range, description: "Versions of cpm." },
  executors: {
    schema: listOf(executorRequirement, {
      maxItems: 32,
      uniqueBy: { key: (entry) => entry.type, noun: "executor type" },
    }),
    description: "Executors that must be alive in the colony.",
    default: [],
  },
  releases: {
    schema: packageRanges,
    description: "Packages that must be installed in the colony already, by any release: name and versions.",
    default: {},
  },
  absent: {
    schema: packageRanges,
    description: "Packages that no release of the colony may have beside it: name and versions.",
    default: {},
  },
});

const payloadRule = objectOf<PayloadRule>("a payload rule", {
  include: {
    schema: listOf(glob, { minItems: 1, maxItems: 200 }),
    description: "Patterns of files, relative to the package: `*`, `**`, `?`, `{a,b}`.",
    required: true,
  },
  exclude: { schema: listOf(glob, { maxItems: 200 }), description: "Patterns to leave out again.", default: [] },
  platform: { schema: platform, description: "Only for nodes of this platform, as os/arch." },
});

/** The one definition of `colony.yaml`: parser, writer, JSON Schema and reference come from it. */
export const manifestSchema: Schema<Manifest> = objectOf<Manifest>("the manifest", {
  apiVersion: { schema: oneOf(["cpm/v1"]), description: "The version of this format.", required: true },
  name: { schema: packageName, description: "The package: `namespace/name`.", required: true },
  version: {
    schema: version,
    description: "Its version (semver 2). A published version never changes.",
    required: true,
  },
  description: {
    schema: text("text", { maxLength: 500 }),
    description: "What the package does, in a sentence.",
    default: "",
  },
  license: { schema: line(200), description: "An SPDX expression, such as Apache-2.0." },
  keywords: {
    schema: listOf(
      text("a keyword", {
        pattern: "[a-z0-9]+([._+-][a-z0-9]+)*",
        maxLength: 40,
        patternHint: "Lower-case letters, digits and dashes.",
      }),
      {
        maxItems: 20,
        uniqueBy: { key: (keyword) => keyword, noun: "keyword" },
      },
    ),
    description: "Words to find it by.",
    default: [],
  },
  maintainers: { schema: listOf(maintainer, { maxItems: 50 }), description: "Who answers for it.", default: [] },
  repository: { schema: url, description: "Where its source is." },
  homepage: { schema: url, description: "Where to read about it." },
  deprecated: { schema: line(500), description: "Why not to use it any more, and what to use in its place." },
  requires: {
    schema: requirements,
    description: "What the colony must offer; checked against the live colony before anything is submitted.",
    default: { executors: [], releases: {}, absent: {} },
  },
  inputs: {
    schema: listOf(inputDefinitionSchema, { maxItems: 200, uniqueBy: { key: (input) => input.key, noun: "input" } }),
    description: "What the person who installs it may or must say.",
    default: [],
  },
  dependencies: { schema: dependencies, description: "Packages that this one needs, by name.", default: [] },
  multiInstance: {
    schema: flag,
    description: "Whether one release may have it several times: each dependency with an alias is then one of its own.",
    default: false,
  },
  outputs: {
    schema: recordOf(identifier, text("an expression", { minLength: 1, maxLength: 2000 }), { maxKeys: 100 }),
    description: "Values that dependents may read as `deps.<name>.outputs.<key>`, as expressions.",
    default: {},
  },
  payload: {
    schema: listOf(payloadRule, { maxItems: 64 }),
    description: "Files that the work needs on the node. Without it there is no payload.",
    default: [],
  },
});

/** The manifest as JSON in its shortest form: what equals a default is left out. Inverse of parsing. */
export function formatManifest(manifest: Manifest): JsonObject {
  return manifestSchema.format(manifest) as JsonObject;
}
