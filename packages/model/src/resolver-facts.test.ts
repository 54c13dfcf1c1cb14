import { expect, test } from "bun:test";
import { formatManifest } from "./manifest.ts";
import { parseManifest } from "./parse-manifest.ts";
import { readInputDefinitions } from "./read-input-definitions.ts";
import { resolverFacts } from "./resolver-facts.ts";

const factsOf = (more: string) => {
  const head = "apiVersion: cpm/v1\nname: rise/app\nversion: 1.0.0\n";
  return resolverFacts(formatManifest(parseManifest({ path: "colony.yaml", text: head + more })));
};

test("inputs are listed where a condition reads them, and read again as they were", () => {
  const inputs = "inputs: [{key: gpu, type: bool, default: false}]\n";
  expect(factsOf(`${inputs}dependencies: {rise/a: ^1}\n`)).toEqual({ dependencies: { "rise/a": "^1" }, requires: {} });
  const facts = factsOf(`${inputs}dependencies: {rise/a: [{version: ^1, alias: x, when: "\${inputs.gpu}"}]}\n`);
  expect(facts).toEqual({
    dependencies: { "rise/a": { version: "^1", alias: "x", when: "${inputs.gpu}" } },
    requires: {},
    inputs: [{ key: "gpu", type: "bool", default: false }],
  });
  const read = readInputDefinitions(facts["inputs"] ?? null);
  expect(read).toMatchObject([{ key: "gpu", type: "bool", default: false, required: false }]);
  expect(readInputDefinitions([{ key: "gpu", type: "later" }])).toBeUndefined();
});

test("platforms are listed where there are files for some only", () => {
  const rules = "[{include: [a], platform: linux/arm64}, {include: [b], platform: linux/amd64}, {include: [c]}]";
  expect(factsOf(`payload: ${rules}\n`)["platforms"]).toEqual(["linux/amd64", "linux/arm64"]);
  expect(factsOf("payload: [{include: [c]}]\n")["platforms"]).toBeUndefined();
});
