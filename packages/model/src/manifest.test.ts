import { describe, expect, test } from "bun:test";
import { canonicalJson, decodeUtf8, digestHex, encodeUtf8, formatDiagnostic, isCpmError, parseDigest } from "@cpm/base";
import Ajv2020 from "ajv/dist/2020";
import { formatManifest } from "./manifest.ts";
import { manifestJsonSchema, manifestReference } from "./manifest-documents.ts";
import { formatPackageConfig, parsePackageConfig } from "./package-config.ts";
import { parseManifest, readManifest } from "./parse-manifest.ts";
import { parseSource, sourceToJson } from "./yaml.ts";

const full = `apiVersion: cpm/v1
name: rise/wordcount
version: 1.2.0
description: Count words in text files, in parallel.
license: Apache-2.0
keywords: [text, map-reduce]
maintainers: [{name: Ada, email: ada@example.org, url: "https://example.org"}]
repository: https://example.org/wordcount
requires:
  colonyos: ">=1.9.12"
  executors: [{type: container-executor, arch: [amd64, arm64]}]
inputs:
  - {key: shards, label: Shards, type: int, default: 4, min: 1, max: 64, description: How many mappers.}
  - {key: mode, type: select, options: [fast, exact], default: fast}
  - {key: token, type: secret, required: false}
  - {key: big, type: int, default: 9223372036854775807}
  - {key: names, type: list, default: [a, 1, {x: true}], minItems: 1}
  - {key: ratio, type: number, default: 1}
dependencies:
  rise/text-tools: {version: ^2.1.0, with: {lang: "\${inputs.mode}"}}
  rise/other: 1.0.0
outputs: {count: "inputs.shards"}
payload:
  - {include: [payload/**]}
  - {include: [bin/linux-amd64/**], exclude: ["**/*.o"], platform: linux/amd64}
`;
const minimal = "apiVersion: cpm/v1\nname: a/b\nversion: 1.0.0\n";

describe("the manifest", () => {
  test("parses into typed values with defaults", () => {
    const manifest = parseManifest({ path: "colony.yaml", text: full });
    expect(manifest.version.minor).toBe(2);
    expect(manifest.inputs[0]).toEqual({
      key: "shards",
      label: "Shards",
      type: "int",
      default: 4n,
      min: 1n,
      max: 64n,
      description: "How many mappers.",
      required: false,
    });
    expect(manifest.inputs[3]?.default).toBe(9223372036854775807n);
    expect(manifest.inputs[2]?.required).toBe(false);
    expect(manifest.dependencies.map((entry) => entry.name as string)).toEqual(["rise/text-tools", "rise/other"]);
    expect(parseManifest({ path: "colony.yaml", text: minimal }).requires).toEqual({
      executors: [],
      releases: {},
      absent: {},
    });
  });

  test("written and read again it is the same, and so is its config", () => {
    for (const text of [full, minimal]) {
      const manifest = parseManifest({ path: "colony.yaml", text });
      const again = parseManifest({ path: "colony.yaml", text: canonicalJson(formatManifest(manifest)) });
      expect(canonicalJson(formatManifest(again))).toBe(canonicalJson(formatManifest(manifest)));
      const diffId = parseDigest(`sha256:${"1".repeat(64)}`);
      const config = {
        manifest,
        layers: [{ role: "package" as const, diffId, sizeBytes: 10_240, entries: 3 }],
        tree: diffId,
      };
      const bytes = formatPackageConfig(config);
      expect(decodeUtf8(formatPackageConfig(parsePackageConfig(bytes)))).toBe(decodeUtf8(bytes));
      expect(digestHex(parsePackageConfig(bytes).layers[0]?.diffId ?? diffId)).toBe("1".repeat(64));
    }
  });

  test("a fault is shown with its line, a caret and what was meant", () => {
    const { diagnostics } = readManifest({
      path: "colony.yaml",
      text: "apiVersion: cpm/v1\nname: a/b\nverison: 1.2.0\n",
    });
    expect(diagnostics.map(formatDiagnostic)).toEqual([
      [
        'colony.yaml:3:1: error: unknown key "verison" [manifest/unknown-key]',
        "  3 | verison: 1.2.0",
        "    | ^^^^^^^",
        '  hint: Did you mean "version"?',
      ].join("\n"),
      [
        'colony.yaml:1:1: error: "version" is missing from the manifest [manifest/missing-key]',
        "  1 | apiVersion: cpm/v1",
        "    | ^^^^^^^^^^^^^^^^^^",
        "  hint: Its version (semver 2). A published version never changes.",
      ].join("\n"),
    ]);
  });

  test("all faults are reported at once", () => {
    const text = `${minimal}keywords: text\ninputs:\n  - {key: 1x, type: int}\n  - {key: a, type: intt}\n  - {key: b, type: int, default: 9, max: 3}\n`;
    const codes = readManifest({ path: "colony.yaml", text }).diagnostics.map((entry) => [
      entry.code,
      entry.location?.line,
    ]);
    expect(codes).toEqual([
      ["manifest/wrong-type", 4],
      ["manifest/invalid-value", 6],
      ["manifest/invalid-value", 7],
      ["manifest/invalid-value", 8],
    ]);
  });
});

/** Each case is appended to a manifest that is valid without it; the schema and the parser must agree. */
const additions: readonly [yaml: string, valid: boolean, schemaAgrees?: false][] = [
  ["", true],
  ["description: x", true],
  ["description: 5", false],
  ["description: |\n  two\n  lines", false, false],
  ["license: ''", false],
  ["keywords: [a, b-c, d.e]", true],
  ["keywords: [A]", false],
  ["keywords: [a, a]", false, false],
  ["maintainers: [{name: x}]", true],
  ["maintainers: [{email: x@y}]", false],
  ["maintainers: [{name: x, phone: y}]", false],
  ["repository: ftp://x", false],
  ["requires: {}", true],
  ["requires: {colonyos: '>=1.9'}", true],
  ["requires: {colonyos: newest}", false, false],
  ["requires: {executors: [{type: x, arch: [amd64]}]}", true],
  ["requires: {executors: [{type: x, arch: [pdp11]}]}", false],
  ["requires: {executors: [{arch: [amd64]}]}", false],
  ["inputs: [{key: a, type: string}]", true],
  ["inputs: [{key: a}]", false],
  ["inputs: [{key: a, type: string, min: 1}]", false],
  ["inputs: [{key: a, type: string, pattern: '(a+)+$', default: aaa}]", true],
  ["inputs: [{key: a, type: string, pattern: '(a', default: aaa}]", false, false],
  ["inputs: [{key: a, type: string, pattern: '[a-z]+', default: A}]", false, false],
  ["inputs: [{key: a, type: int, default: 1.5}]", false],
  ["inputs: [{key: a, type: int, default: 9223372036854775808}]", false, false],
  ["inputs: [{key: a, type: bool, default: yes}]", false],
  ["inputs: [{key: a, type: select}]", false],
  ["inputs: [{key: a, type: select, options: []}]", false],
  ["inputs: [{key: a, type: select, options: [x], default: y}]", false, false],
  ["inputs: [{key: a, type: secret, default: y}]", false],
  ["inputs: [{key: a, type: list, default: {}}]", false],
  ["inputs: [{key: a, type: object, default: {x: 1}}]", true],
  ["inputs: [{key: a, type: int, default: 1, required: true}]", false, false],
  ["inputs: [{key: a, type: int}, {key: a, type: int}]", false, false],
  ["dependencies: {a/c: ^1.0.0}", true],
  ["dependencies: {c: ^1.0.0}", false],
  ["dependencies: {a/c: {version: 1.0.0, with: {x: 1}, alias: c}}", true],
  ["dependencies: {a/c: {with: {x: 1}}}", false],
  ["dependencies: {a/c: newest}", false, false],
  ["outputs: {x: 'inputs.a'}", true],
  ["outputs: {x-y: 'inputs.a'}", false],
  ["payload: [{include: [a/**]}]", true],
  ["payload: [{include: []}]", false],
  ["payload: [{include: [/etc/passwd]}]", false, false],
  ["payload: [{include: [a], platform: linux/amd64}]", true],
  ["payload: [{include: [a], platform: plan9/amd64}]", false],
  ["deprecated: use a/c", true],
  ["hooks: {install: rm}", false],
];

describe("the JSON Schema", () => {
  const validate = new Ajv2020({ strict: true, strictTypes: false }).compile(
    JSON.parse(canonicalJson(manifestJsonSchema())),
  );

  test.each(additions.map(([yaml, valid, agrees = true]) => [yaml, valid, agrees] as const))(
    "judges %j as the parser does",
    (yaml, valid, agrees) => {
      const text = `${minimal}${yaml}\n`;
      const { manifest } = readManifest({ path: "colony.yaml", text });
      expect(manifest !== undefined).toBe(valid);
      const [node] = parseSource({ path: "colony.yaml", text });
      const plain = JSON.parse(canonicalJson(node === undefined ? null : sourceToJson(node)));
      // Where a schema cannot say the rule it may accept more, never less.
      expect(validate(plain)).toBe(valid || !agrees);
    },
  );

  test("the reference has a row for every field", () => {
    const reference = manifestReference();
    for (const path of ["apiVersion", "requires.executors[].type", "inputs[].options", "payload[].include"]) {
      expect(reference).toContain(`| \`${path}\` |`);
    }
  });
});

describe("the package config", () => {
  test.each([
    ["not JSON", "{"],
    ["not canonical", '{ "a": 1 }'],
    ["no layers", '{"apiVersion":"cpm/v1","name":"a/b","version":"1.0.0"}'],
    ["unknown key", '{"apiVersion":"cpm/v1","layers":[],"name":"a/b","secret":1,"version":"1.0.0"}'],
    ["two package layers", config([layer("package"), layer("package")])],
    ["payload first", config([layer("payload"), layer("package")])],
    ["negative size", config([layer("package", -1)])],
    ["list", "[]"],
  ])("%s is refused", (_name, text) => {
    expect(() => parsePackageConfig(encodeUtf8(text))).toThrow(expect.objectContaining({ code: "config/invalid" }));
  });

  test("a deep text is refused with our error", () => {
    const deep = `${'{"a":'.repeat(5000)}1${"}".repeat(5000)}`;
    expect(
      isCpmError(
        thrown(() => parsePackageConfig(encodeUtf8(deep))),
        "config/invalid",
      ),
    ).toBe(true);
  });
});

function layer(role: string, sizeBytes = 1): string {
  return `{"diffId":"sha256:${"0".repeat(64)}","entries":1,"role":"${role}","sizeBytes":${sizeBytes}}`;
}

function config(layers: readonly string[]): string {
  return `{"apiVersion":"cpm/v1","layers":[${layers.join(",")}],"name":"a/b","tree":"sha256:${"0".repeat(64)}","version":"1.0.0"}`;
}

function thrown(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}
