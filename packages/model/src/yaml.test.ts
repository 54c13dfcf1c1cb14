import { describe, expect, test } from "bun:test";
import { isCpmError } from "@cpm/base";
import { parseSource, sourceToJson } from "./yaml.ts";

function read(text: string): unknown {
  return parseSource({ path: "x.yaml", text }).map(sourceToJson);
}

function fault(text: string): { code: string; at: string } {
  try {
    read(text);
  } catch (error) {
    if (!isCpmError(error)) throw error;
    const location = error.diagnostics?.[0]?.location;
    return { code: error.code, at: location === undefined ? "" : `${location.line}:${location.column}` };
  }
  throw new Error(`${JSON.stringify(text)} was accepted`);
}

describe("YAML texts", () => {
  test("words of older YAML are text; integers are exact", () => {
    expect(read("{a: yes, b: on, c: 010, d: 0x1F, e: 9223372036854775807, f: 1.5, g: null, h: 12:30}")).toEqual([
      { a: "yes", b: "on", c: 10, d: 31, e: 9223372036854775807n, f: 1.5, g: null, h: "12:30" },
    ]);
  });

  test("several documents, empty ones left out, and JSON", () => {
    expect(read("a: 1\n---\n---\nb: 2\n")).toEqual([{ a: 1 }, { b: 2 }]);
    expect(read('{"a": [1, {"b": "c"}]}')).toEqual([{ a: [1, { b: "c" }] }]);
    expect(read("")).toEqual([]);
    expect(read("# only a comment\n")).toEqual([]);
  });

  test("nodes know where they stand", () => {
    const [node] = parseSource({ path: "x.yaml", text: "a:\n  - one\n  - two\n" });
    const list = node?.kind === "map" ? node.entries[0]?.value : undefined;
    expect(list?.kind === "list" ? list.items[1]?.range : undefined).toEqual([15, 18]);
  });

  test.each([
    ["a: 1\na: 2\n", "source/syntax", "2:1"],
    ["a:\n\t- 1\n", "source/syntax", "2:1"],
    ["a: [1\n", "source/syntax", "2:1"],
    ["a: &x 1\nb: *x\n", "source/unsupported", "1:7"],
    ["a: !!binary aGk=\n", "source/unsupported", "1:13"],
    ["a: !custom 1\n", "source/unsupported", "1:12"],
    ["1: a\n", "source/unsupported", "1:1"],
    ["? [a]\n: b\n", "source/unsupported", "1:3"],
    ["a: .inf\n", "source/unsupported", "1:4"],
    ['a: "\\uD800"\n', "source/unsupported", "1:4"],
  ])("%j is refused with %s at %s", (text, code, at) => {
    expect(fault(text)).toEqual({ code, at });
  });

  test("duplicate keys are found in one pass, and no more than a hundred faults are kept", () => {
    const keys = Array.from({ length: 20_000 }, (_, index) => `k${index}`);
    expect(Object.keys((read(`{${keys.join(": 1, ")}: 1}`) as object[])[0] ?? {})).toHaveLength(20_000);
    try {
      read("- @\n".repeat(2000));
      expect.unreachable();
    } catch (error) {
      expect(isCpmError(error) ? error.diagnostics : []).toHaveLength(100);
    }
  });

  test("depth and size are bounded", () => {
    expect(fault(`${"[".repeat(70)}${"]".repeat(70)}`).code).toBe("source/unsupported");
    expect(fault("[".repeat(200_000)).code).toMatch(/^source\//);
    expect(fault("x".repeat(1024 * 1024 + 1)).code).toBe("source/too-large");
  });
});
