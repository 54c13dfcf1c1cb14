import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { resourceDiagnostics } from "../testing/templates.ts";

/** The faults of a workflow with these nodes and what each depends on. */
function faults(graph: Readonly<Record<string, readonly string[]>>): string[] {
  const functionspecs = Object.entries(graph).map(([nodename, dependencies]) => ({
    nodename,
    funcname: "f",
    conditions: { executortype: "w", dependencies },
  }));
  const text = JSON.stringify({ kind: "Workflow", name: "w", spec: { functionspecs } });
  return resourceDiagnostics(text).map(({ code, message }) => `${code}: ${message}`);
}

describe("the graph of a workflow", () => {
  test.each<[string, Record<string, string[]>, string[]]>([
    ["a chain", { a: [], b: ["a"], c: ["b"] }, []],
    ["a diamond", { a: [], b: ["a"], c: ["a"], d: ["b", "c"] }, []],
    ["nodes in any order", { c: ["b"], b: ["a"], a: [] }, []],
    ["one cycle", { a: ["b"], b: ["a"] }, ["resource/cycle: b → a → b wait for one another for ever"]],
    ["itself", { a: ["a"] }, ["resource/cycle: a → a wait for one another for ever"]],
    [
      "a cycle behind a root",
      { r: [], a: ["r", "c"], b: ["a"], c: ["b"] },
      ["resource/cycle: b → c → a → b wait for one another for ever"],
    ],
    [
      "two cycles",
      { a: ["b"], b: ["a"], c: ["d"], d: ["c"] },
      [
        "resource/cycle: b → a → b wait for one another for ever",
        "resource/cycle: d → c → d wait for one another for ever",
      ],
    ],
    ["nothing to depend on", { a: ["x"] }, ['resource/unknown-node: there is no node "x" to depend on']],
    ["names of JavaScript", { constructor: [], b: ["constructor"] }, []],
  ])("%s", (_, graph, expected) => {
    expect(faults(graph)).toEqual(expected);
  });

  test("a graph is refused exactly when it has no order in which to run", () => {
    const names = ["a", "b", "c", "d", "e", "f"];
    const dependencies = fc.tuple(...names.map(() => fc.uniqueArray(fc.constantFrom(...names), { maxLength: 3 })));
    fc.assert(
      fc.property(dependencies, (lists) => {
        const graph = Object.fromEntries(names.map((name, index) => [name, lists[index] ?? []]));
        const done = new Set<string>();
        for (const _ of names)
          for (const name of names) if (graph[name]?.every((parent) => done.has(parent))) done.add(name);
        expect(faults(graph).length === 0).toBe(done.size === names.length);
      }),
    );
  });

  test("a chain of very many nodes needs no stack", () => {
    const chain = Array.from({ length: 1000 }, (_, index) => [`n${index}`, index === 0 ? [] : [`n${index - 1}`]]);
    expect(faults(Object.fromEntries(chain.toReversed()))).toEqual([]);
  });
});
