import type { JsonValue } from "@cpm/base";
import { printable } from "@cpm/base";
import type { Faults } from "./faults.ts";
import type { Dependency } from "./manifest.ts";
import { identifier, range } from "./name-schemas.ts";
import { namePartPattern } from "./package-name.ts";
import type { PackageName } from "./package-name.ts";
import { readRange } from "./range.ts";
import { objectOf, recordOf, textOr } from "./schema/collections.ts";
import { anything, text } from "./schema/scalars.ts";
import type { Schema } from "./schema/schema.ts";
import type { SourceList, SourceNode } from "./source.ts";

type DependencyBody = Omit<Dependency, "name">;

/** Entries that one package may be needed by in one manifest. */
const maxEntries = 64;

const longBody = objectOf<DependencyBody>("a dependency", {
  version: { schema: range, description: "The versions that will do.", required: true },
  alias: {
    schema: identifier,
    description: "How templates name it: `deps.<alias>`. For a multi-instance package: an instance of its own.",
  },
  when: {
    schema: text("a condition", {
      pattern: "\\$\\{.+\\}",
      maxLength: 2000,
      patternHint: "One expression over this package's inputs that gives true or false: `when: ${inputs.gpu}`.",
    }),
    description: "Needed only when this holds: one expression over `inputs` that gives true or false.",
  },
  with: {
    schema: recordOf(identifier, anything, { maxKeys: 200 }),
    description: "Inputs for it; `${inputs.x}` passes one of this package's on.",
    default: {},
  },
});

const body = textOr<DependencyBody>(
  text("a version range", { maxLength: 512 }),
  (value) => {
    const parsed = readRange(value);
    return parsed === undefined ? undefined : { version: parsed, with: {} };
  },
  longBody,
  ({ version, alias, when, with: given }) =>
    alias === undefined && when === undefined && Object.keys(given).length === 0 ? version.text : undefined,
);

/** All entries about one package: one of them, or a list in which each has an alias. */
const entries: Schema<readonly DependencyBody[]> = {
  typeName: `${body.typeName}, or a list of these`,
  parse(node, faults) {
    if (node.kind === "list") return parseEntries(node, faults);
    const parsed = isWrongRange(node, faults) ? undefined : body.parse(node, faults);
    return parsed === undefined ? undefined : [parsed];
  },
  format(value) {
    const [first, ...others] = value;
    if (first !== undefined && others.length === 0) return body.format(first);
    return value.map((entry) => longBody.format(entry));
  },
  jsonSchema() {
    const long = longBody.jsonSchema();
    const items = { ...long, required: ["version", "alias"] };
    return { oneOf: [body.jsonSchema(), { type: "array", items, minItems: 1, maxItems: maxEntries }] };
  },
  fieldRows: () => body.fieldRows(),
};

const dependencyRecord = recordOf(
  text("namespace/name", {
    pattern: `${namePartPattern}/${namePartPattern}`,
    patternHint: "A package is called namespace/name.",
    maxLength: 129,
  }),
  entries,
  { maxKeys: 200 },
);

/** In the file a map from name to what is needed of it; in the program a list. */
export const dependencies: Schema<readonly Dependency[]> = {
  ...dependencyRecord,
  parse(node, faults) {
    const record = dependencyRecord.parse(node, faults);
    if (record === undefined) return undefined;
    return Object.entries(record).flatMap(([name, all]) => all.map((one) => ({ name: name as PackageName, ...one })));
  },
  format(value) {
    const byName = Map.groupBy(value, ({ name }) => name);
    return Object.fromEntries(
      [...byName].map(([name, all]): [string, JsonValue] => [
        name,
        entries.format(all.map(({ name: _name, ...one }) => one)),
      ]),
    );
  },
};

function parseEntries(node: SourceList, faults: Faults): readonly DependencyBody[] | undefined {
  if (node.items.length < 1 || node.items.length > maxEntries)
    return faults.add(
      "manifest/invalid-value",
      node,
      `the list has ${node.items.length} items, not 1 to ${maxEntries}`,
    );
  const seen = new Set<string>();
  const parsed = node.items.map((item) => {
    const entry = longBody.parse(item, faults);
    if (entry === undefined) return undefined;
    const { alias } = entry;
    if (alias === undefined)
      return faults.add(
        "manifest/missing-key",
        item,
        '"alias" is missing from an entry of a list',
        "Each entry says how templates name it: {version: ^2, alias: english}.",
      );
    if (seen.has(alias)) return faults.add("manifest/duplicate", item, `the alias "${alias}" is used twice`);
    seen.add(alias);
    return entry;
  });
  return parsed.every((entry) => entry !== undefined) ? parsed : undefined;
}

/** Whether a text stands where a range should and is none; the fault is reported. */
export function isWrongRange(node: SourceNode, faults: Faults): boolean {
  if (node.kind !== "scalar" || typeof node.value !== "string" || readRange(node.value) !== undefined) return false;
  faults.add(
    "manifest/invalid-value",
    node,
    `"${printable(node.value, 80)}" is not a version range`,
    'Examples: 1.2.3, ^1.2.0, ">=1.2 <3".',
  );
  return true;
}
