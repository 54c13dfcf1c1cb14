import { expect, test } from "bun:test";
import { isCpmError } from "@cpm/base";
import { parseAssignment, parseManifest, resolveInputs } from "@cpm/model";
import { checkTemplates } from "./check-templates.ts";
import { checkCondition, evaluateCondition } from "./condition.ts";

const manifestOf = (dependencies: string) =>
  parseManifest({
    path: "colony.yaml",
    text: `apiVersion: cpm/v1
name: a/b
version: 1.0.0
inputs:
  - {key: gpu, type: bool, default: false}
  - {key: shards, type: int, default: 4}
  - {key: options, type: object, default: {}}
  - {key: token, type: secret, required: false}
dependencies: ${dependencies}
`,
  });
const { inputs } = manifestOf("{}");
const holds = (when: string, ...set: string[]) =>
  evaluateCondition(when, "a/b", inputs, resolveInputs(inputs, set.map(parseAssignment)));

test("a condition is true or false for the inputs, defaults among them", () => {
  expect([holds("${inputs.gpu}"), holds("${inputs.gpu}", "gpu=true")]).toEqual([false, true]);
  expect([holds("${inputs.shards > 8}"), holds("${inputs.shards > 8}", "shards=9")]).toEqual([false, true]);
  expect([holds("${has(inputs.token)}"), holds("${has(inputs.token)}", "token=x")]).toEqual([false, true]);
});

test.each([
  ["${inputs.gpus}", "template/unknown-field", "gpu"],
  ["${release.name == 'x'}", "template/unknown-root", "inputs"],
  ["${inputs.shards}", "template/condition", "when: ${inputs.gpu}"],
  ["${inputs.gpu}${inputs.gpu}", "template/condition", "when: ${inputs.gpu}"],
  ["${inputs.token}", "template/condition", "when: ${inputs.gpu}"],
  ["${inputs.gpu &&}", "template/syntax", "CEL"],
])("%s is refused, with what to write in its place", (when, code, hint) => {
  const { diagnostics } = checkCondition(when, inputs);
  expect(diagnostics[0]?.code).toBe(code);
  expect(diagnostics[0]?.hint).toContain(hint);
  const lint = checkTemplates([], manifestOf(`{rise/gpu-tools: {version: ^1, when: ${JSON.stringify(when)}}}`));
  expect(lint.find((fault) => fault.severity === "error")?.message).toStartWith("in rise/gpu-tools when: ");
  expect(() => holds(when)).toThrow(/in a\/b: /);
});

test("what is known only when it is evaluated must be true or false too", () => {
  expect(holds("${inputs.options.fast}", "options={fast: true}")).toBe(true);
  try {
    holds("${inputs.options.fast}", "options={fast: 3}");
    throw new Error("it did not fail");
  } catch (error) {
    expect(isCpmError(error, "template/invalid") && error.diagnostics?.[0]?.code).toBe("template/condition");
  }
});

test("an input that only a condition reads is used, and two dependencies may not be called the same", () => {
  const unused = (text: string) =>
    checkTemplates([], manifestOf(text)).flatMap(({ code, message }) =>
      code === "template/unused-input" ? [message] : [],
    );
  expect(unused("{}").join()).toContain('"gpu"');
  expect(unused('{rise/a: {version: ^1, when: "${inputs.gpu}"}}').join()).not.toContain('"gpu"');
  const twice = checkTemplates([], manifestOf("{rise/a: {version: ^1, alias: x}, rise/b: {version: ^1, alias: x}}"));
  expect(twice.map(({ message }) => message)).toContain('two dependencies are called "x"');
});
