import type { JsonObject, JsonValue } from "@cpm/base";
import { globFault } from "./glob.ts";
import { inputDefinitionSchema } from "./input-definition.ts";
import type { InputDefinition } from "./input-definition.ts";
import { isPackageName, namePartPattern } from "./package-name.ts";
import type { PackageName } from "./package-name.ts";
import { readRange } from "./range.ts";
import type { Range } from "./range.ts";
import { listOf, objectOf, recordOf, textOr } from "./schema/collections.ts";
import { anything, oneOf, text } from "./schema/scalars.ts";
import { checked, converted } from "./schema/schema.ts";
import type { Schema } from "./schema/schema.ts";
import { readVersion, versionPattern } from "./version.ts";
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
}

/** At least one live executor of this type, and of one of these architectures where they are named. */
export interface ExecutorRequirement {
  readonly type: string;
  readonly arch: readonly string[];
}

export interface Dependency {
  readonly name: PackageName;
  readonly version: Range;
  /** How templates call it, in place of its name. */
  readonly alias?: string;
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
const identifier = text("an identifier", { pattern: "[a-zA-Z_][a-zA-Z0-9_]*", maxLength: 64 });
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

/** `namespace/name` */
export const packageName: Schema<PackageName> = converted(
  text("namespace/name", { pattern: `${namePartPattern}/${namePartPattern}`, maxLength: 129 }),
  "namespace/name",
  (value) => (isPackageName(value) ? value : undefined),
  (value) => value,
  (value) => ({ message: `"${value}" is not a package name`, hint: "Each part has at most 64 characters." }),
);

export const version: Schema<Version> = converted(
  text("a version", {
    pattern: versionPattern,
    maxLength: 128,
    patternHint: "MAJOR.MINOR.PATCH with an optional -prerelease and +build: 1.2.0, 2.0.0-rc.1.",
  }),
  "a version",
  readVersion,
  (value) => value.text,
  (value) => ({ message: `"${value}" is not a version` }),
);

export const range: Schema<Range> = converted(
  text("a version range", { maxLength: 512 }),
  "a version range",
  readRange,
  (value) => value.text,
  (value) => ({ message: `"${value}" is not a version range`, hint: 'Examples: 1.2.3, ^1.2.0, ~1.4, ">=1.2 <3".' }),
);

const maintainer = objectOf<Maintainer>("a maintainer", {
  name: { schema: line(200), description: "Who.", required: true },
  email: {
    schema: text("an email address", { pattern: "[^@\\s]+@[^@\\s]+", maxLength: 200 }),
    description: "Where to write.",
  },
  url: { schema: url, description: "Where to look." },
});

const executorRequirement = objectOf<ExecutorRequirement>("an executor requirement", {
  type: { schema: executorType, description: "The executor type, such as container-executor.", required: true },
  arch: {
    schema: listOf(oneOf(["amd64", "arm64", "arm", "386", "riscv64", "ppc64le", "s390x"]), { maxItems: 16 }),
    description: "Architectures that the payload runs on; any of them will do. Empty for all.",
    default: [],
  },
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
});

interface DependencyBody {
  readonly version: Range;
  readonly alias?: string;
  readonly with: Readonly<Record<string, JsonValue>>;
}

const dependencyBody = textOr<DependencyBody>(
  text("a version range", { maxLength: 512 }),
  (value) => {
    const parsed = readRange(value);
    return parsed === undefined ? undefined : { version: parsed, with: {} };
  },
  objectOf<DependencyBody>("a dependency", {
    version: { schema: range, description: "The versions that will do.", required: true },
    alias: { schema: identifier, description: "How templates name it: `deps.<alias>`." },
    with: {
      schema: recordOf(identifier, anything, { maxKeys: 200 }),
      description: "Inputs for it; `${inputs.x}` passes one of this package's on.",
      default: {},
    },
  }),
  (value) => (value.alias === undefined && Object.keys(value.with).length === 0 ? value.version.text : undefined),
);

const dependencyRecord = recordOf(
  text("namespace/name", {
    pattern: `${namePartPattern}/${namePartPattern}`,
    patternHint: "A package is called namespace/name.",
    maxLength: 129,
  }),
  checkedRange(dependencyBody),
  { maxKeys: 200 },
);

/** In the file a map from name to version; in the program a list. */
const dependencies: Schema<readonly Dependency[]> = {
  ...dependencyRecord,
  parse(node, faults) {
    const record = dependencyRecord.parse(node, faults);
    if (record === undefined) return undefined;
    return Object.entries(record).map(([name, body]) => ({ name: name as PackageName, ...body }));
  },
  format: (value) => Object.fromEntries(value.map(({ name, ...body }) => [name, dependencyBody.format(body)])),
};

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
    default: { executors: [] },
  },
  inputs: {
    schema: listOf(inputDefinitionSchema, { maxItems: 200, uniqueBy: { key: (input) => input.key, noun: "input" } }),
    description: "What the person who installs it may or must say.",
    default: [],
  },
  dependencies: { schema: dependencies, description: "Packages that this one needs, by name.", default: [] },
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

/** A short dependency's text is a range; the faulty one is pointed at. */
function checkedRange(schema: Schema<DependencyBody>): Schema<DependencyBody> {
  return {
    ...schema,
    parse(node, faults) {
      if (node.kind === "scalar" && typeof node.value === "string" && readRange(node.value) === undefined) {
        return faults.add(
          "manifest/invalid-value",
          node,
          `"${node.value}" is not a version range`,
          'Examples: 1.2.3, ^1.2.0, ">=1.2 <3".',
        );
      }
      return schema.parse(node, faults);
    },
  };
}
