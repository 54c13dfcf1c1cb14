import { describe, expect, test } from "bun:test";
import { mediaTypes } from "@cpm/oci";
import type { ReleasePackage } from "../release/collect-packages.ts";
import { agentNode } from "../testing/nodes.ts";
import type { NodeSketch } from "../testing/nodes.ts";
import { faultOf } from "../testing/packages.ts";
import type { PlacementMode } from "./placement-plan.ts";
import { planPlacement } from "./plan-placement.ts";

const layer = { mediaType: "x", digest: "sha256:0", sizeBytes: 1 };

/** As much of a package as placing looks at. */
function packageOf(name: string, layers: number, more: { registry?: string; index?: boolean } = {}): ReleasePackage {
  const root = { mediaType: more.index === true ? mediaTypes.index : mediaTypes.manifest };
  const variant = {
    manifest: { name, version: { text: "1.0.0" } },
    root,
    layers: Array.from({ length: layers }, () => layer),
  };
  return { variant, root: false, registry: "registry.test", ...more } as unknown as ReleasePackage;
}

function plan(mode: PlacementMode, sketches: readonly NodeSketch[], packages: readonly ReleasePackage[]) {
  const chosen = { mode, root: "/r", platform: "linux/amd64", leftOut: [], nodes: sketches.map(agentNode) };
  return planPlacement(chosen, packages);
}

describe("a placement as it is planned", () => {
  test("says for each node what it has and what it fetches, of the packages with payload", () => {
    const sketches = [
      { name: "a", packages: ["rise/tools@1.0.0"] },
      { name: "b", packages: ["rise/tools@0.9.0"] },
    ];
    const { nodes } = plan("all", sketches, [packageOf("rise/tools", 2), packageOf("rise/words", 1)]);
    expect(nodes).toEqual([
      { name: "a", platform: "linux/amd64", present: ["rise/tools@1.0.0"], fetch: [] },
      { name: "b", platform: "linux/amd64", present: [], fetch: ["rise/tools@1.0.0"] },
    ]);
  });

  test("tries first, of several, who has it, then who has the most space", () => {
    const sketches = [
      { name: "small", freeMebibytes: 1 },
      { name: "large", freeMebibytes: 100 },
      { name: "has", freeMebibytes: 1, packages: ["rise/tools@1.0.0"] },
    ];
    const { nodes } = plan("any", sketches, [packageOf("rise/tools", 2)]);
    expect(nodes.map(({ name }) => name)).toEqual(["has", "large", "small"]);
  });

  test("is refused for what is only here, unless it has nothing to place", async () => {
    const local = { ...packageOf("rise/tools", 2) };
    Reflect.deleteProperty(local, "registry");
    expect((await faultOf(() => plan("all", [{}], [local]))).code).toBe("placement/not-published");
    expect(plan("none", [], [local]).nodes).toEqual([]);
  });

  test("is refused for files of a platform on nodes of several", async () => {
    const sketches = [{ name: "a" }, { name: "b", platform: "linux/arm64" }];
    const fault = await faultOf(() => plan("all", sketches, [packageOf("rise/tools", 2, { index: true })]));
    expect(fault.code).toBe("placement/several-platforms");
    expect(fault.message).toContain("linux/amd64 (a) and linux/arm64 (b)");
    expect(plan("all", sketches, [packageOf("rise/tools", 2)]).nodes).toHaveLength(2);
  });
});
