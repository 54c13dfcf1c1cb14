import { describe, expect, test } from "bun:test";
import { checkTemplates } from "./check-templates.ts";
import { parseTemplates } from "./parse-templates.ts";
import { manifestWith, staticFaults, summary } from "./testing/templates.ts";

const manifest = manifestWith(
  [
    "{key: shards, type: int, default: 4}",
    "{key: mode, type: select, options: [fast, exact], default: fast}",
    "{key: ratio, type: number, default: 1.5}",
    "{key: on, type: bool, default: true}",
    "{key: names, type: list, default: [a]}",
    "{key: extra, type: object, default: {}}",
    "{key: token, type: secret, required: false}",
  ],
  "dependencies:\n  rise/text-tools: 1.0.0\n  rise/other: {version: 1.0.0, alias: other}\n",
);

/** The faults of one leaf in a place of a function spec that takes any value, but for unused inputs. */
function leafFaults(expression: string): string[] {
  return faultsOf(`kwargs: {a: ${JSON.stringify(expression)}}`);
}

function faultsOf(fields: string): string[] {
  const text = `kind: Function\nname: f\nspec:\n  funcname: g\n  conditions: {executortype: w}\n  ${fields}\n`;
  const { documents, diagnostics } = parseTemplates([{ path: "t.yaml", text }]);
  return [...diagnostics, ...checkTemplates(documents, manifest)]
    .filter((fault) => fault.code !== "template/unused-input")
    .map(({ code, message, hint }) => `${code}: ${message}${hint === undefined ? "" : ` | ${hint}`}`);
}

describe("names", () => {
  test.each<[string, string]>([
    ["${input.shards}", 'template/unknown-root: "input" is not in scope | Did you mean "inputs"?'],
    ["${nothing}", 'template/unknown-root: "nothing" is not in scope | In scope are inputs, release, package, deps.'],
    [
      "${HOME}",
      'template/unknown-root: "HOME" is not in scope | In scope are inputs, release, package, deps. Write $${HOME} for a variable of the shell.',
    ],
    [
      "${constructor}",
      'template/unknown-root: "constructor" is not in scope | In scope are inputs, release, package, deps.',
    ],
    ["${Package.path}", 'template/unknown-root: "Package" is not in scope | Did you mean "package"?'],
    ["${inputs.shard}", 'template/unknown-field: inputs has no field "shard" | Did you mean "shards"?'],
    ["${inputs['shard']}", 'template/unknown-field: inputs has no field "shard" | Did you mean "shards"?'],
    [
      "${inputs.toString}",
      'template/unknown-field: inputs has no field "toString" | inputs has shards, mode, ratio, on, names, extra, token.',
    ],
    ["${release.revison}", 'template/unknown-field: release has no field "revison" | Did you mean "revision"?'],
    [
      "${package.hash}",
      'template/unknown-field: package has no field "hash" | package has name, version, digest, path.',
    ],
    [
      "${deps['rise/texttools'].path}",
      'template/unknown-field: deps has no field "rise/texttools" | Did you mean "rise/text-tools"?',
    ],
    ["${deps.other.output}", 'template/unknown-field: the dependency has no field "output" | Did you mean "outputs"?'],
    ["${inputs.shards.x}", 'template/unknown-field: a int has no field "x"'],
    ["${inputs.names.map(n, m)}", 'template/unknown-root: "m" is not in scope | Did you mean "n"?'],
    ["${[1].all(x, x > y)}", 'template/unknown-root: "y" is not in scope | Did you mean "x"?'],
    [
      "${{inputs.nope: 1}}",
      'template/unknown-field: inputs has no field "nope" | inputs has shards, mode, ratio, on, names, extra, token.',
    ],
    [
      "${has(inputs.nope)}",
      'template/unknown-field: inputs has no field "nope" | inputs has shards, mode, ratio, on, names, extra, token.',
    ],
  ])("%s", (expression, expected) => {
    expect(leafFaults(expression)).toEqual([expected]);
  });

  test.each([
    "${inputs.shards + 1}",
    "${deps['rise/text-tools'].path + deps.other.version}",
    "${deps.other.outputs.anything.at[0].all}",
    "${inputs.extra.a.b}",
    "${inputs.names.filter(n, n != '').map(n, n + '!')}",
    "${has(inputs.token)}",
    "${release.name + release.colony + string(release.revision)}",
    "${package.name + package.version + package.digest + package.path}",
    "${type(1) == int}",
    "${sortedKeys(inputs.extra).join(',')}",
    "a ${inputs.mode} b",
    "$${HOME}",
  ])("%s is fine", (expression) => {
    expect(leafFaults(expression)).toEqual([]);
  });
});

describe("types", () => {
  test.each<[string, string]>([
    [
      "maxexectime: '${inputs.mode}'",
      "template/wrong-type: this gives a string where ColonyOS needs a whole number | Convert it with int(…).",
    ],
    [
      "maxexectime: '${inputs.ratio}'",
      "template/wrong-type: this gives a double where ColonyOS needs a whole number | Convert it with int(…).",
    ],
    [
      "maxexectime: '1${inputs.mode}'",
      "template/wrong-type: this gives a string where ColonyOS needs a whole number | Make the expression the whole value: what stands inside text is text.",
    ],
    [
      "env: {A: '${inputs.shards}'}",
      "template/wrong-type: this gives a int where ColonyOS needs a string | Convert it with string(…).",
    ],
    [
      "env: {A: '${inputs.on ? 1 : 2}'}",
      "template/wrong-type: this gives a int where ColonyOS needs a string | Convert it with string(…).",
    ],
    ["args: '${inputs.mode}'", "template/wrong-type: this gives a string where ColonyOS needs a list of any values"],
    ["channels: '${[1, 2]}'", "template/wrong-type: this gives a list of int where ColonyOS needs a list of strings"],
    ["env: '${{\"A\": 1}}'", "template/wrong-type: this gives a map where ColonyOS needs a map of strings"],
    ["kwargs: '${inputs.names}'", "template/wrong-type: this gives a list where ColonyOS needs a map of any values"],
    [
      "label: 'x${inputs.shards}'",
      'template/mixed-string: "inputs.shards" stands inside text and is a int | Convert it with string(…), or make the expression the whole value.',
    ],
    [
      "label: 'x${inputs.names}'",
      'template/mixed-string: "inputs.names" stands inside text and is a list | Convert it with string(…), or make the expression the whole value.',
    ],
    [
      "label: \"${'a' + inputs.shards}\"",
      "template/wrong-type: string + int does not exist | Convert the other side with string(…).",
    ],
    [
      "priority: '${inputs.shards + inputs.ratio}'",
      "template/wrong-type: int + double does not exist | Both sides must be of one kind: convert one with int(…), double(…) or string(…).",
    ],
    [
      "priority: '${inputs.on * 2}'",
      "template/wrong-type: bool * int does not exist | Both sides must be of one kind: convert one with int(…), double(…) or string(…).",
    ],
    ["kwargs: {$if: '${inputs.shards}', a: 1}", "template/wrong-type: $if needs true or false, this is a int"],
    [
      "args: [{$for: {x: '${inputs.shards}'}, $value: '${x}'}]",
      "template/wrong-type: $for needs a list, this is a int",
    ],
    ["args: [{$for: {x: '${range(2)}'}, $value: '${x.a}'}]", 'template/unknown-field: a int has no field "a"'],
    [
      "args: [{$for: {x: '${[1]}'}, $value: [{$for: {x: '${[2]}'}, $value: 1}]}]",
      'template/structure: "x" is already a name here | Choose another variable.',
    ],
  ])("%s", (fields, expected) => {
    expect(faultsOf(fields)).toEqual([expected]);
  });

  test.each([
    "maxexectime: '${inputs.shards * 60}'",
    "maxexectime: '${int(inputs.ratio)}'",
    "env: {A: '${string(inputs.shards)}', B: 'x${inputs.mode}'}",
    "args: '${inputs.names}'",
    "channels: \"${range(3).map(n, 'c' + string(n))}\"",
    "fs: {mount: /cfs, dirs: [{label: '/${inputs.mode}', keepfiles: '${inputs.on}'}]}",
  ])("%s is fine", (fields) => {
    expect(faultsOf(fields)).toEqual([]);
  });

  test("in a workflow, also as a bare list, and in what a cron embeds", () => {
    const node = "{nodename: a, funcname: g, conditions: {executortype: w}, maxexectime: '${inputs.mode}'}";
    for (const spec of [`{functionspecs: [${node}]}`, `[${node}]`])
      expect(codes(`kind: Workflow\nname: w\nspec: ${spec}\n`)).toEqual(["template/wrong-type"]);
    expect(codes(`kind: Cron\nname: c\nspec: {interval: 9, workflowspec: {functionspecs: [${node}]}}\n`)).toEqual([
      "template/wrong-type",
    ]);
    // Text that becomes JSON is text substitution by another name.
    expect(
      codes(`kind: Cron\nname: c\nspec: {interval: 9, workflowspec: '{"functionspecs": "\${inputs.mode}"}'}\n`),
    ).toEqual(["template/wrong-type"]);
  });

  test("a kind must be written out", () => {
    expect(codes("kind: '${inputs.mode}'\nname: f\nspec: {}\n")).toEqual(["resource/unknown-kind"]);
    expect(codes("kind: Fnction\nname: f\nspec: {}\n")).toEqual(["resource/unknown-kind"]);
  });
});

describe("secrets", () => {
  test.each<[string, string[]]>([
    ["env: {T: '${inputs.token}'}", []],
    ["env: {T: {$if: '${has(inputs.token)}', $value: '${inputs.token}'}}", []],
    ["kwargs: {a: {b: ['${inputs.token}']}}", []],
    ["kwargs: {a: '${inputs[\"token\"]}'}", []],
    ["label: '${inputs.token}'", ["template/secret"]],
    ["funcname2: '${inputs.token}'", ["template/secret"]],
    ["args: ['${inputs.token}']", ["template/secret"]],
    ["kwargs: '${inputs.token}'", ["template/secret"]],
    ["env: {T: 'x${inputs.token}'}", ["template/secret"]],
    ["env: {T: \"${inputs.token + ''}\"}", ["template/secret"]],
    ["env: {T: '${string(inputs.token)}'}", ["template/secret"]],
    ["env: {T: '${inputs.on ? inputs.token : \"\"}'}", ["template/secret"]],
    ["kwargs: {a: '${[inputs.token]}'}", ["template/secret"]],
    ["kwargs: {a: '${{\"a\": inputs.token}}'}", ["template/secret"]],
    ["kwargs: {a: '${size(inputs.token)}'}", ["template/secret"]],
    ["kwargs: {a: '${inputs.token == \"x\"}'}", ["template/secret"]],
    ["kwargs: {a: '${inputs.token.x}'}", ["template/secret"]],
    ["kwargs: {cmd: sh, args: [-c, '${inputs.token}']}", ["template/shell-injection"]],
  ])("%s", (fields, expected) => {
    const found = faultsOf(fields).map((fault) => fault.split(":")[0] ?? "");
    expect(found).toEqual(expected);
  });

  test("a record of the colony is no place for one, whatever its fields are called", () => {
    expect(codes("kind: Blueprint\nname: b\nspec: {kind: K, spec: {env: {T: '${inputs.token}'}}}\n")).toEqual([
      "template/secret",
    ]);
  });
});

describe("the manifest's own expressions", () => {
  const base = ["{key: a, type: string, default: x}", "{key: token, type: secret, required: false}"];

  test("outputs and dependencies use inputs, and are checked", () => {
    const text =
      "outputs: {url: 'x${inputs.a}'}\ndependencies:\n  rise/x: {version: 1.0.0, with: {t: '${inputs.token}'}}\n";
    expect(checkTemplates([], manifestWith(base, text))).toEqual([]);
    const wrong =
      "outputs: {url: '${inputs.b}', t: '${inputs.token}'}\ndependencies:\n  rise/x: {version: 1.0.0, with: {t: '${1 +}'}}\n";
    expect(checkTemplates([], manifestWith(base, wrong)).map(({ code, message }) => `${code}: ${message}`)).toEqual([
      'template/unknown-field: in outputs.url: inputs has no field "b"',
      'template/secret: in outputs.t: the secret "token" stands outside env and kwargs',
      'template/syntax: in rise/x with t: the expression cannot be read at "+"',
      'template/unused-input: no template uses the input "a"',
    ]);
  });
});

describe("unused inputs", () => {
  test("are warned of, at their place", () => {
    const location = { file: "colony.yaml", line: 9, column: 1, width: 1, lineText: "x" };
    const { documents } = parseTemplates([
      { path: "t.yaml", text: "kind: Function\nname: f\nspec: {label: '${inputs.b}'}\n" },
    ]);
    const inputs = manifestWith(["{key: a, type: string, default: x}", "{key: b, type: string, default: x}"]);
    expect(checkTemplates(documents, inputs, () => location)).toEqual([
      {
        code: "template/unused-input",
        severity: "warning",
        message: 'no template uses the input "a"',
        hint: "Use ${inputs.a} in a template, or remove the input.",
        location,
      },
    ]);
  });

  test.each([
    "${inputs.b}",
    "${inputs['b']}",
    "${has(inputs.b)}",
    "${inputs[release.name]}",
    "${sortedKeys(inputs)}",
    "${inputs}",
  ])("%s uses it", (expression) => {
    const text = `kind: Function\nname: f\nspec: {kwargs: {a: ${JSON.stringify(expression)}}}\n`;
    const inputs = manifestWith(["{key: b, type: string, default: x}"]);
    expect(staticFaults(text, inputs)).toEqual([]);
  });
});

function codes(text: string): string[] {
  return staticFaults(text, manifest)
    .map((fault) => fault.split(" ")[0] ?? "")
    .filter((code) => code !== "template/unused-input");
}

test("a fault points at the name, not at the whole leaf", () => {
  const text = "kind: Function\nname: f\nspec:\n  label: a ${release.name} b ${inputs.shard}\n";
  expect(staticFaults(text, manifestWith([]))).toEqual(["template/unknown-field 4:39"]);
  expect(summary({ code: "a/b", severity: "error", message: "" })).toBe("a/b");
});
