import { describe, expect, test } from "bun:test";
import { inspect } from "node:util";
import { formatDiagnostic, isCpmError } from "@cpm/base";
import { redactInputs } from "./input-value.ts";
import { parseAssignment, parseFileAssignment, parseValuesFile, resolveInputs } from "./inputs.ts";
import type { GivenInput } from "./inputs.ts";
import { parseManifest } from "./parse-manifest.ts";
import { Secret } from "./secret.ts";

const definitions = parseManifest({
  path: "colony.yaml",
  text: `apiVersion: cpm/v1
name: a/b
version: 1.0.0
inputs:
  - {key: who, type: string, minLength: 2, pattern: "[a-z]+", description: Whom to greet.}
  - {key: shards, type: int, default: 4, min: 1, max: 64}
  - {key: ratio, type: number, default: 0.5}
  - {key: fast, type: bool, default: false}
  - {key: mode, type: select, options: [fast, exact], default: fast}
  - {key: files, type: list, default: [], maxItems: 3}
  - {key: extra, type: object, default: {}}
  - {key: token, type: secret, required: false}
`,
}).inputs;

const set = (...texts: string[]): GivenInput[] => texts.map(parseAssignment);

function faults(given: readonly GivenInput[]): readonly (readonly [string, string])[] {
  try {
    resolveInputs(definitions, given);
  } catch (error) {
    if (!isCpmError(error, "input/invalid")) throw error;
    return error.diagnostics?.map((entry) => [entry.code, entry.hint ?? ""]) ?? [["input/invalid", error.message]];
  }
  return [];
}

describe("inputs", () => {
  test("defaults, typed flags, and later over earlier", () => {
    const values = resolveInputs(definitions, [
      ...parseValuesFile({ path: "values.yaml", text: "who: ada\nshards: 8\nfiles: [x]\n" }),
      ...set(
        "shards=9223372036854775",
        "ratio=2",
        "fast=true",
        "mode=exact",
        "files=a, b",
        'extra={"k": [1, true]}',
        "token=s3cret",
      ).filter((entry) => entry.key !== "shards"),
      ...set("shards=16"),
    ]);
    expect(values).toMatchObject({
      who: "ada",
      shards: 16n,
      ratio: 2,
      fast: true,
      mode: "exact",
      files: ["a", "b"],
      extra: { k: [1n, true] },
    });
    expect(values["token"]).toBeInstanceOf(Secret);
  });

  test.each([
    [["who=ada", "shrads=3"], "input/unknown", 'Did you mean "shards"?'],
    [["who=ada", "shards=three"], "input/wrong-type", "It is a whole number."],
    [["who=ada", "shards=1.5"], "input/wrong-type", "It is a whole number."],
    [["who=ada", "shards=65"], "input/invalid-value", "It is a whole number."],
    [["who=ada", "fast=yes"], "input/wrong-type", "It is true or false."],
    [["who=ada", "mode=exakt"], "input/invalid-value", 'Did you mean "exact"?'],
    [["who=ada", "files=a,b,c,d"], "input/invalid-value", "It is a list."],
    [["who=ada", "extra=5"], "input/wrong-type", "It is a map."],
    [["who=A"], "input/invalid-value", "It is text."],
    [["who=A1"], "input/invalid-value", "It is text."],
    [[], "input/missing", "Give it with --set who=… (text) or in a values file with -f."],
  ])("%j: %s", (texts, code, hint) => {
    expect(faults(set(...texts))).toEqual([[code, hint]]);
  });

  test("several faults at once", () => {
    expect(faults(set("shards=x", "nope=1")).map(([code]) => code)).toEqual([
      "input/wrong-type",
      "input/unknown",
      "input/missing",
    ]);
  });

  test("text inputs are never read as anything else", () => {
    expect(resolveInputs(definitions, set("who=true"))["who"]).toBe("true");
  });

  test("a file's text is a value", () => {
    const given = parseFileAssignment("token=key.pem", (path) => `contents of ${path}`);
    const token = resolveInputs(definitions, [...set("who=ada"), given])["token"];
    expect(token instanceof Secret ? token.reveal() : "").toBe("contents of key.pem");
  });

  test.each(["who", "=x", ""])("%p is no assignment", (text) => {
    expect(() => parseAssignment(text)).toThrow(expect.objectContaining({ code: "input/assignment" }));
  });
});

describe("a secret", () => {
  test.each([
    ["a misspelt key on the command line", () => set("who=ada", "tokn=hunter2")],
    ["a misspelt key in a file", () => parseValuesFile({ path: "v.yaml", text: "who: ada\ntokn: hunter2\n" })],
    ["a wrong type in a file", () => parseValuesFile({ path: "v.yaml", text: "{who: ada, token: [hunter2]}" })],
    ["a neighbour on the line", () => parseValuesFile({ path: "v.yaml", text: "{who: ada, token: hunter2, x: 1}" })],
  ])("is not in the line that shows %s", (_what, given) => {
    try {
      resolveInputs(definitions, given());
      throw new Error("nothing was thrown");
    } catch (error) {
      if (!isCpmError(error)) throw error;
      const shown = error.diagnostics?.map(formatDiagnostic).join("\n") ?? "";
      expect(shown).toMatch(/(--set|v\.yaml):\d:\d+: error: /);
      expect(shown).not.toContain("hunter2");
    }
  });

  const secret = new Secret("hunter2");

  test("is opaque however it is shown", () => {
    const shown = [
      String(secret),
      JSON.stringify({ secret }),
      inspect({ secret }),
      Bun.inspect(secret),
      Object.keys(secret).join(),
    ];
    expect(shown.join("\n")).not.toContain("hunter2");
    expect(secret.reveal()).toBe("hunter2");
  });

  test("leaves no trace in records or faults", () => {
    expect(redactInputs({ token: secret, list: [secret] })).toEqual({ token: "***", list: ["***"] });
    const wrong = parseValuesFile({ path: "v.yaml", text: "who: ada\ntoken: 12345678\n" });
    try {
      resolveInputs(definitions, wrong);
      throw new Error("accepted");
    } catch (error) {
      expect(
        JSON.stringify(
          isCpmError(error) ? [error.message, error.diagnostics?.map((entry) => entry.message)] : String(error),
        ),
      ).not.toContain("12345678");
    }
  });
});
