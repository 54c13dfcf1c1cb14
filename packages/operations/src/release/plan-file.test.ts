import { describe, expect, test } from "bun:test";
import type { JsonObject, JsonValue } from "@cpm/base";
import { canonicalJson, parseDigest, parseJson, stringifyJson } from "@cpm/base";
import { inputToJson, parseManifest, resolveInputs } from "@cpm/model";
import type { ReleaseName } from "@cpm/model";
import fc from "fast-check";
import { faultOf, manifest } from "../testing/packages.ts";
import type { InstallPlan } from "./install-plan.ts";
import { assertSamePlan, formatPlanFile, formatPlanSource, inputsOfPlan, parsePlanFile } from "./plan-file.ts";

const digest = (digit: string) => parseDigest(`sha256:${digit.repeat(64)}`);

const plan: InstallPlan = {
  format: "cpm/plan/v1",
  release: "books" as ReleaseName,
  revision: 3,
  colony: "dev",
  packages: [
    {
      name: "rise/words",
      version: "1.2.0",
      digest: digest("a"),
      registry: "registry.test:5000",
      tree: digest("b"),
      path: "/var/lib/colony/packages/trees/sha256/b/root",
      placed: false,
      sizeBytes: 12_345,
      inputs: { who: "ada", big: 9_223_372_036_854_775_807n, ratio: 0.5, list: ["1", 2, true], token: "***" },
      secretInputs: ["token"],
    },
  ],
  placement: {
    mode: "selector",
    selector: "name=gpu-*",
    root: "/var/lib/colony/packages",
    platform: "linux/amd64",
    nodes: [{ name: "gpu-1", platform: "linux/amd64", present: [], fetch: ["rise/words@1.2.0"] }],
    leftOut: [],
  },
  resources: [
    {
      package: "rise/words",
      kind: "Function",
      name: "count",
      digest: digest("c"),
      spec: { funcname: "f", env: { TOKEN: "***" } },
      secret: true,
    },
  ],
  requirements: [{ what: "executor x", result: "met", detail: "x-1" }],
};
const reference = { kind: "reference" as const, reference: {} as never };
const saved = { plan, source: formatPlanSource(reference, plan) };
const text = stringifyJson(formatPlanFile(saved), 2);

/** The saved text with one thing changed, by a path such as `plan.packages.0.digest`; undefined takes it away. */
function tampered(path: string, value: JsonValue | undefined): string {
  const document = parseJson(text) as unknown as Record<string, unknown>;
  const keys = path.split(".");
  const last = keys.pop() ?? "";
  const holder = keys.reduce<Record<string, unknown>>(
    (object, key) => object[key] as Record<string, unknown>,
    document,
  );
  if (value === undefined) Reflect.deleteProperty(holder, last);
  else holder[last] = value;
  return stringifyJson(document as JsonObject);
}

describe("a saved plan", () => {
  test("is read again as it was", () => {
    const { saved: read, source } = parsePlanFile(text, "plan.json");
    expect(read).toEqual(saved);
    expect(() => assertSamePlan(read.plan, plan)).not.toThrow();
    expect(source).toMatchObject({
      kind: "reference",
      reference: { selector: { kind: "digest", digest: digest("a") } },
    });
  });

  test("names its package by digest, or by the path that was given", () => {
    expect(saved.source).toBe(`registry.test:5000/rise/words@${digest("a")}`);
    expect(formatPlanSource({ kind: "path", path: "./words" }, plan)).toBe("./words");
  });

  test.each<[string, JsonValue | undefined]>([
    ["plan", 7],
    ["source", undefined],
    ["plan.format", "cpm/plan/v2"],
    ["plan.release", "../etc"],
    ["plan.revision", "three"],
    ["plan.revision", 1.5],
    ["plan.colony", undefined],
    ["plan.packages", {}],
    ["plan.packages.0", "x"],
    ["plan.packages.0.name", undefined],
    ["plan.packages.0.version", 1],
    ["plan.packages.0.digest", "sha256:short"],
    ["plan.packages.0.tree", undefined],
    ["plan.packages.0.inputs", []],
    ["plan.packages.0.secretInputs", "token"],
    ["plan.packages.0.secretInputs", [1]],
    ["plan.resources.0.kind", "Pod"],
    ["plan.resources.0.name", undefined],
    ["plan.resources.0.digest", 5],
    ["plan.requirements", undefined],
    ["plan.placement", undefined],
    ["plan.placement.mode", "everywhere"],
    ["plan.placement.root", 1],
    ["plan.placement.selector", ["x"]],
    ["plan.placement.nodes", {}],
    ["plan.placement.nodes.0.name", undefined],
  ])("with %s as %j is none", async (path, value) => {
    expect((await faultOf(() => parsePlanFile(tampered(path, value), "plan.json"))).code).toBe("plan/invalid");
  });

  test.each(["", "null", "[]", "{", '"plan"', "{}"])("%j is none", async (other) => {
    expect(await faultOf(() => parsePlanFile(other, "p.json"))).toMatchObject({
      code: "plan/invalid",
      message: "p.json is not a saved plan",
    });
  });

  test("whose source is no reference any more is refused", async () => {
    const fault = await faultOf(() => parsePlanFile(tampered("source", "not a reference!"), "plan.json"));
    expect(fault.code).toMatch(/^(reference|name|version|range)\//);
  });

  test.each<[string, JsonValue, string]>([
    ["plan.revision", 4, "release, revision and colony"],
    ["plan.colony", "prod", "release, revision and colony"],
    ["plan.packages.0.digest", digest("f"), "packages"],
    ["plan.packages.0.tree", digest("f"), "packages"],
    ["plan.packages.0.version", "1.2.1", "packages"],
    ["plan.packages.0.inputs", { who: "eve" }, "inputs"],
    ["plan.resources.0.digest", digest("f"), "resources"],
    ["plan.resources.0.name", "other", "resources"],
    ["plan.resources", [], "resources"],
    ["plan.placement.mode", "all", "nodes"],
    ["plan.placement.root", "/srv/packages", "nodes"],
    ["plan.placement.platform", "linux/arm64", "nodes"],
    ["plan.placement.nodes", [], "nodes"],
  ])("with %s as %j is not the plan of today", async (path, value, what) => {
    const { saved: read } = parsePlanFile(tampered(path, value), "plan.json");
    expect(await faultOf(() => assertSamePlan(read.plan, plan))).toMatchObject({
      code: "plan/stale",
      message: `the ${what} of the plan are not those of today`,
    });
  });

  test.each<[string, JsonValue]>([
    ["plan.packages.0.placed", true],
    ["plan.requirements", []],
    ["plan.placement.nodes.0.present", ["rise/words@1.2.0"]],
    ["plan.placement.leftOut", [{ name: "gpu-2", why: "it is away" }]],
  ])("with %s as %j is the same plan", (path, value) => {
    const { saved: read } = parsePlanFile(tampered(path, value), "plan.json");
    expect(() => assertSamePlan(read.plan, plan)).not.toThrow();
  });

  test("holds no secret and asks for it again", () => {
    const given = inputsOfPlan(plan, "plan.json");
    expect(given.map(({ key }) => key)).toEqual(["who", "big", "ratio", "list"]);
    const inputs =
      "inputs: [{key: who, type: string}, {key: big, type: int}, {key: ratio, type: number}, {key: list, type: list}, {key: token, type: secret}]\n";
    const { inputs: definitions } = parseManifest({ path: "c", text: manifest("a/b", "1.0.0", inputs) });
    expect(() => resolveInputs(definitions, given)).toThrow(expect.objectContaining({ code: "input/invalid" }));
    const values = resolveInputs(
      definitions.filter(({ key }) => key !== "token"),
      given,
    );
    expect(values).toEqual({ who: "ada", big: 9_223_372_036_854_775_807n, ratio: 0.5, list: ["1", 2n, true] });
  });

  test("gives every input back as it was", () => {
    const inputs = "inputs: [{key: o, type: object}, {key: s, type: string}]\n";
    const { inputs: definitions } = parseManifest({ path: "c", text: manifest("a/b", "1.0.0", inputs) });
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.jsonValue()), fc.string(), (o, s) => {
        const [root] = plan.packages;
        if (root === undefined) throw new Error("there is a package");
        const held = { ...plan, packages: [{ ...root, inputs: { o, s } as JsonObject }] };
        const read = parsePlanFile(stringifyJson(formatPlanFile({ ...saved, plan: held })), "plan.json").saved.plan;
        const values = resolveInputs(definitions, inputsOfPlan(read, "plan.json"));
        const shown = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, inputToJson(value)]));
        expect(canonicalJson(shown)).toBe(canonicalJson({ o, s } as JsonObject));
      }),
    );
  });
});
