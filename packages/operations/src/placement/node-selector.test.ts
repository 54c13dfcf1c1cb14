import { describe, expect, test } from "bun:test";
import { faultOf } from "../testing/packages.ts";
import { agentNode } from "../testing/nodes.ts";
import { matchesNode, parseNodeSelector } from "./node-selector.ts";

const node = agentNode({ name: "gpu-7", location: "Umea", platform: "linux/arm64" });

describe("a selector of nodes", () => {
  test.each<[text: string, matches: boolean]>([
    ["name=gpu-7", true],
    ["name=gpu", false],
    ["name=gpu-*", true],
    ["name=*", true],
    ["name=*-7", true],
    ["name=g*u*7", true],
    ["name=g*u*u*7", false],
    ["name=gpu-7*7", false],
    ["name=.*", false],
    ["location=umea", true],
    ["location=lulea", false],
    ["arch=arm64", true],
    ["arch=amd64", false],
    ["platform=linux", true],
    ["platform=linux/arm64", true],
    ["platform=linux/amd64", false],
    ["name=gpu-*, arch=arm64", true],
    ["name=gpu-*,arch=amd64", false],
  ])("%s", (text, matches) => {
    expect(matchesNode(parseNodeSelector(text), node)).toBe(matches);
  });

  test("a node that does not tell its platform is of none", () => {
    expect(matchesNode(parseNodeSelector("arch=arm64"), agentNode({ platform: undefined }))).toBe(false);
  });

  test.each(["", "gpu-1", "name=", "=x", "colour=red", "name=a,name=b", "name=a,"])("%j is none", async (text) => {
    expect((await faultOf(() => parseNodeSelector(text))).code).toBe("placement/selector");
  });

  test("many stars take no time", () => {
    const selector = parseNodeSelector(`name=${"*a".repeat(2000)}`);
    expect(matchesNode(selector, agentNode({ name: `${"a".repeat(1999)}b` }))).toBe(false);
  });
});
