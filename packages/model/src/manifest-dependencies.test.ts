import { expect, test } from "bun:test";
import { formatManifest } from "./manifest.ts";
import { parseManifest, readManifest } from "./parse-manifest.ts";

const head = "apiVersion: cpm/v1\nname: rise/app\nversion: 1.0.0\n";
const read = (dependencies: string) => parseManifest({ path: "colony.yaml", text: `${head}${dependencies}` });

test("a package may be needed under a condition, and several times by an alias each", () => {
  const manifest = read(`dependencies:
  rise/base: ^1
  rise/gpu-tools: {version: ^1, when: "\${inputs.gpu}"}
  rise/text-tools:
    - {version: ^2, alias: english, with: {lang: en}}
    - {version: ">=2.1", alias: swedish, when: "\${inputs.swedish}", with: {lang: sv}}
`);
  expect(
    manifest.dependencies.map(({ name, version, alias, when }) => [name as string, version.text, alias, when]),
  ).toEqual([
    ["rise/base", "^1", undefined, undefined],
    ["rise/gpu-tools", "^1", undefined, "${inputs.gpu}"],
    ["rise/text-tools", "^2", "english", undefined],
    ["rise/text-tools", ">=2.1", "swedish", "${inputs.swedish}"],
  ]);
  const written = formatManifest(manifest);
  expect(written["dependencies"]).toEqual({
    "rise/base": "^1",
    "rise/gpu-tools": { version: "^1", when: "${inputs.gpu}" },
    "rise/text-tools": [
      { version: "^2", alias: "english", with: { lang: "en" } },
      { version: ">=2.1", alias: "swedish", when: "${inputs.swedish}", with: { lang: "sv" } },
    ],
  });
  expect(parseManifest({ path: "colony.yaml", text: JSON.stringify(written) })).toEqual(manifest);
});

test.each([
  ["[{version: ^1}]", '"alias" is missing from an entry of a list'],
  ["[{version: ^1, alias: a}, {version: ^1, alias: a}]", 'the alias "a" is used twice'],
  ["[]", "the list has 0 items, not 1 to 64"],
  ["{version: ^1, when: true}", "expected a condition"],
  ["{version: ^1, when: inputs.gpu}", "is not a condition"],
  ["{version: ^1, wehn: x}", 'unknown key "wehn"'],
  ["wrong", '"wrong" is not a version range'],
])("dependencies %s are refused", (entry, message) => {
  const { diagnostics } = readManifest({ path: "colony.yaml", text: `${head}dependencies: {rise/a: ${entry}}\n` });
  expect(diagnostics.map((fault) => fault.message).join()).toContain(message);
});

test("what the colony must offer may be GPUs, memory and releases, and what it must not have", () => {
  const manifest = read(`multiInstance: true
requires:
  executors: [{type: gpu, memory: 16Gi, gpu: {count: 2, name: a100, memory: 40Gi}}, {type: any, gpu: {}}]
  releases: {rise/base: ">=2"}
  absent: {rise/old: "*"}
`);
  expect(manifest.multiInstance).toBe(true);
  expect(manifest.requires.executors).toEqual([
    { type: "gpu", arch: [], memory: "16Gi", gpu: { count: 2, name: "a100", memory: "40Gi" } },
    { type: "any", arch: [], gpu: { count: 1 } },
  ]);
  expect(parseManifest({ path: "colony.yaml", text: JSON.stringify(formatManifest(manifest)) })).toEqual(manifest);
  const { diagnostics } = readManifest({
    path: "colony.yaml",
    text: `${head}requires: {executors: [{type: x, memory: 16GB}]}\n`,
  });
  expect(diagnostics.map(({ hint }) => hint)).toEqual(["In ColonyOS's units: 512Mi, 16Gi."]);
});
