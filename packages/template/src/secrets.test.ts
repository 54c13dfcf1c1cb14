import { describe, expect, test } from "bun:test";
import type { Diagnostic } from "@cpm/base";
import { formatDiagnostic, isCpmError, stringifyJson, toErrorRecord } from "@cpm/base";
import { Secret } from "@cpm/model";
import fc from "fast-check";
import { checkTemplates } from "./check-templates.ts";
import { parseTemplates } from "./parse-templates.ts";
import type { RenderedDocument } from "./render-templates.ts";
import { renderTemplates } from "./render-templates.ts";
import { childOf, holdsSecret, redactedJson, revealJson } from "./rendered.ts";
import { checkResources } from "./resources/resource.ts";
import type { RenderScope } from "./scope.ts";
import { celScope } from "./scope.ts";
import { manifestWith, resourceFaults, scopeWith, summary } from "./testing/templates.ts";

const manifest = manifestWith(["{key: token, type: secret, required: false}", "{key: name, type: string, default: x}"]);
const text = 'hush-4711-"$`';
const other = scopeWith({ token: new Secret('a-much-longer-one-"$`'), name: "ada" });
const scope = scopeWith({ token: new Secret(text), name: "ada" });

/** Everything that anybody may see of a template with this function spec. */
function shown(fields: string, given: RenderScope): string {
  const source = `kind: Function\nname: f\nspec:\n  funcname: g\n  conditions: {executortype: container-executor}\n  ${fields}\n`;
  const seen: unknown[] = [];
  const { documents, diagnostics } = parseTemplates([{ path: "t.yaml", text: source }]);
  seen.push(...printed(diagnostics), ...printed(checkTemplates(documents, manifest)));
  try {
    const rendered = renderTemplates(documents, given);
    seen.push(
      rendered.map(({ root }) => stringifyJson(redactedJson(root))),
      Bun.inspect(rendered, { depth: 20 }),
      JSON.stringify(rendered, bigints),
    );
    seen.push(...printed(checkResources(rendered).diagnostics));
  } catch (error) {
    if (!isCpmError(error)) throw error;
    seen.push(
      error.message,
      error.stack,
      String(error.cause),
      Bun.inspect(error),
      JSON.stringify(toErrorRecord(error), bigints),
    );
  }
  return seen.join("\n");
}

function printed(diagnostics: readonly Diagnostic[]): string[] {
  return diagnostics.flatMap((fault) => [formatDiagnostic(fault), JSON.stringify(fault)]);
}

function bigints(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}

function spec(fields: string): RenderedDocument["root"] {
  const source = `kind: Function\nname: f\nspec:\n  funcname: g\n  conditions: {executortype: w}\n  ${fields}\n`;
  const [document] = renderTemplates(parseTemplates([{ path: "t.yaml", text: source }]).documents, scope);
  if (document === undefined) throw new Error("no document");
  return document.root;
}

describe("a secret in its place", () => {
  test("is revealed to the colony and to nobody else", () => {
    const root = spec("env: {T: '${inputs.token}', N: '${inputs.name}'}");
    const env = childOf(childOf(root, "spec"), "env");
    expect(env === undefined ? null : redactedJson(env)).toEqual({ T: "***", N: "ada" });
    expect(env === undefined ? null : revealJson(env)).toEqual({ T: text, N: "ada" });
    expect(holdsSecret(root)).toBe(true);
    expect(holdsSecret(spec("env: {N: '${inputs.name}'}"))).toBe(false);
  });

  test.each(["${inputs.token}", "${inputs['token']}", '${inputs["token"]}', "${ inputs . token }"])(
    "%s takes it",
    (leaf) => {
      expect(holdsSecret(spec(`kwargs: {a: ${JSON.stringify(leaf)}}`))).toBe(true);
    },
  );

  test("that is not given is asked for with has()", () => {
    const source = "kind: k\nname: n\nspec: {env: {T: {$if: '${has(inputs.token)}', $value: '${inputs.token}'}}}\n";
    const { documents } = parseTemplates([{ path: "t.yaml", text: source }]);
    const roots = [scopeWith({}), scope].map((given) =>
      renderTemplates(documents, given).map(({ root }) => redactedJson(root)),
    );
    expect(roots.flat()).toEqual([
      { kind: "k", name: "n", spec: { env: {} } },
      { kind: "k", name: "n", spec: { env: { T: "***" } } },
    ]);
  });
});

describe("a secret out of its place", () => {
  // A package from elsewhere may never have been linted: what it renders to is looked at again.
  test.each<[string, string[]]>([
    ["env: {T: '${inputs.token}'}", []],
    ["kwargs: {a: [{b: '${inputs.token}'}]}", []],
    ["args: ['${inputs.token}']", ["template/secret 6:11"]],
    ["label: '${inputs.token}'", ["template/secret 6:11"]],
    ["channels: ['${inputs.token}']", ["template/secret 6:15"]],
  ])("%s is found after rendering as well", (fields, expected) => {
    const source = `kind: Function\nname: f\nspec:\n  funcname: g\n  conditions: {executortype: w}\n  ${fields}\n`;
    const { documents } = parseTemplates([{ path: "t.yaml", text: source }]);
    expect(checkResources(renderTemplates(documents, scope)).diagnostics.map(summary)).toEqual(expected);
  });

  test("in a record, a schedule's workflow, and a resource's name", () => {
    const given = { token: new Secret("s") };
    expect(
      resourceFaults("kind: Blueprint\nname: b\nspec: {kind: K, spec: {env: {T: '${inputs.token}'}}}\n", given),
    ).toEqual(["template/secret 3:34"]);
    const node = "{nodename: a, funcname: g, conditions: {executortype: w}, env: {T: '${inputs.token}'}}";
    expect(
      resourceFaults(`kind: Cron\nname: c\nspec: {interval: 9, workflowspec: {functionspecs: [${node}]}}\n`, given),
    ).toEqual([]);
    expect(resourceFaults("kind: Function\nname: '${inputs.token}'\nspec: {}\n", given)).toEqual(["resource/name 2:8"]);
  });
});

describe("whatever is tried over a secret", () => {
  test("nothing of it is in the scope of expressions", () => {
    const seen = Bun.inspect(celScope(scope), { depth: 10 });
    expect(seen).not.toContain("hush");
    expect(JSON.stringify(celScope(scope), bigints)).not.toContain("hush");
    expect(celScope(scope)["inputs"]).toEqual({ token: {}, name: "ada" });
  });

  const reference = fc.constantFrom(
    "inputs.token",
    "inputs['token']",
    "inputs",
    "inputs[inputs.map(k, k)[0]]",
    "[inputs.token]",
    "{'a': inputs.token}",
  );
  const wrap = fc.constantFrom<(inner: string) => string>(
    (inner) => inner,
    (inner) => `size(${inner})`,
    (inner) => `string(${inner})`,
    (inner) => `int(${inner})`,
    (inner) => `bytes(${inner})`,
    (inner) => `type(${inner})`,
    (inner) => `dyn(${inner})`,
    (inner) => `has(${inner}.x)`,
    (inner) => `${inner} + ''`,
    (inner) => `'' + ${inner}`,
    (inner) => `${inner} == 'z'`,
    (inner) => `${inner} != {}`,
    (inner) => `${inner} < 'z'`,
    (inner) => `'h' in ${inner}`,
    (inner) => `${inner} in ['x']`,
    (inner) => `${inner}.map(k, k)`,
    (inner) => `${inner}.filter(k, true)`,
    (inner) => `${inner}.exists(k, k == 'h')`,
    (inner) => `[${inner}].map(s, s)`,
    (inner) => `{'k': ${inner}}`,
    (inner) => `${inner}.matches('h.*')`,
    (inner) => `${inner}.startsWith('h')`,
    (inner) => `${inner}.split('')`,
    (inner) => `${inner}.charAt(0)`,
    (inner) => `'%s'.format([${inner}])`,
    (inner) => `strings.quote(${inner})`,
    (inner) => `sortedKeys(${inner})`,
    (inner) => `[${inner}].join('')`,
    (inner) => `'x'.replace('x', ${inner})`,
    (inner) => `${inner}.reveal()`,
    (inner) => `${inner}.value`,
    (inner) => `${inner}[0]`,
    (inner) => `true ? ${inner} : ''`,
    (inner) => `range(${inner})`,
    (inner) => `timestamp(${inner})`,
  );
  const expression = fc
    .tuple(reference, fc.array(wrap, { maxLength: 4 }))
    .map(([start, wraps]) => wraps.reduce<string>((inner, next) => next(`(${inner})`), start));
  const place = fc.constantFrom<(leaf: string) => string>(
    (leaf) => `kwargs: {a: ${leaf}}`,
    (leaf) => `kwargs: ${leaf}`,
    (leaf) => `args: [${leaf}]`,
    (leaf) => `env: {T: ${leaf}}`,
    (leaf) => `label: ${leaf}`,
    (leaf) => `maxexectime: ${leaf}`,
    (leaf) => `channels: [{$for: {x: ${leaf}}, $value: '\${x}'}]`,
    (leaf) => `kwargs: {$if: ${leaf}, a: 1}`,
    (leaf) => `env: {T: {$if: ${leaf}, $value: ${leaf}}}`,
  );

  test("nobody sees it", () => {
    fc.assert(
      fc.property(expression, place, fc.constantFrom("", "x "), (source, at, before) => {
        const fields = at(JSON.stringify(`${before}\${${source}}`));
        const [seen, again] = [scope, other].map((given) => shown(fields, given));
        expect(seen).not.toMatch(/hush|4711/);
        // Nor can anything be told of it: with another one, all is the same.
        expect(again).toBe(seen);
      }),
      { numRuns: 500 },
    );
  });

  test("the check would notice: what is revealed does hold it", () => {
    expect(stringifyJson(revealJson(spec("env: {T: '${inputs.token}'}")))).toContain("hush-4711");
  });
});
