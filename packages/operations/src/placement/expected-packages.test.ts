import { describe, expect, test } from "bun:test";
import type { ReleasePhase, Revision } from "../release/release-record.ts";
import { agentNode } from "../testing/nodes.ts";
import { compareWithExpected, expectedPackages } from "./expected-packages.ts";
import type { FleetRow } from "./verify-fleet.ts";

const tools = "rise/tools@1.0.0";
const words = "rise/words@1.0.0";

function revision(phase: ReleasePhase, nodes: readonly string[], packages: readonly string[]): Revision {
  return { record: { placement: { nodes, packages } }, status: { phase } } as unknown as Revision;
}

function row(node: string, label: string, state: FleetRow["state"] = "intact"): FleetRow {
  return { node, package: label, state, damagedCount: 0, damagedPaths: [] };
}

const statesOf = (rows: readonly FleetRow[]) =>
  rows.map(({ node, package: label, state }) => `${node} ${label} ${state}`);

describe("what nodes have to have", () => {
  test("is what installed releases had placed, each once", () => {
    const revisions = [
      revision("deployed", ["a", "b"], [tools]),
      revision("deployed", ["b"], [words, tools]),
      revision("uninstalled", ["c"], [tools]),
      { record: {}, status: { phase: "deployed" } } as unknown as Revision,
    ];
    const expected = expectedPackages(revisions, () => true);
    expect([...expected].map(([node, packages]) => [node, ...packages])).toEqual([
      ["a", tools],
      ["b", tools, words],
    ]);
    expect([...expectedPackages(revisions, (label) => label === words).keys()]).toEqual(["b"]);
  });

  const agents = [agentNode({ name: "a" }), agentNode({ name: "b" }), agentNode({ name: "c", state: "unregistered" })];
  const expected = new Map(["a", "b", "c", "d"].map((node) => [node, new Set([tools])]));
  const compare = (rows: readonly FleetRow[]) => compareWithExpected(rows, expected, agents);

  test("is missing where a node answered without it", () => {
    const found = statesOf(compare([row("b", words), row("a", tools, "absent"), row("b", tools, "damaged")]));
    expect(found.slice(0, 3)).toEqual([`a ${tools} missing`, `b ${tools} damaged`, `b ${words} intact`]);
    expect(statesOf(compare([row("b", tools)]))[0]).toBe(`a ${tools} missing`);
  });

  test("is unknown where a node did not answer, told no more than a part, or is in the colony no more", () => {
    const part = Array.from({ length: 1000 }, (_, index) => row("b", `rise/p${index}@1.0.0`));
    const found = compare([row("a", "", "unanswered"), ...part]).filter(({ state }) => state !== "intact");
    expect(statesOf(found)).toEqual(["a  unanswered", "c  unanswered", "d  unanswered"]);
    expect(found.map(({ why }) => why)).toEqual([undefined, "it is unregistered", "it is gone from the colony"]);
  });
});
