import { describe, expect, test } from "bun:test";
import { agentExecutor } from "../testing/nodes.ts";
import type { NodeSketch } from "../testing/nodes.ts";
import { faultOf } from "../testing/packages.ts";
import { chooseNodes } from "./choose-nodes.ts";
import type { ChosenNodes, PlacementRequest } from "./choose-nodes.ts";
import { parseNodeSelector } from "./node-selector.ts";

const here = { root: "/home/ada/packages", platform: "linux/amd64" };
const root = "/var/lib/colony/packages";

function choose(sketches: readonly NodeSketch[], request: PlacementRequest = {}, published = true): ChosenNodes {
  return chooseNodes(request, sketches.map(agentExecutor), here, published);
}

function namesOf({ nodes }: ChosenNodes): readonly string[] {
  return nodes.map(({ name }) => name);
}

describe("without being told", () => {
  test("a colony without agents has the files on this machine", () => {
    expect(choose([])).toEqual({ mode: "here", ...here, nodes: [], leftOut: [] });
  });

  test("a colony with agents has them on all, below their directory and for their platform", () => {
    const chosen = choose([
      { name: "b", platform: "linux/arm64" },
      { name: "a", platform: "linux/arm64" },
    ]);
    expect(chosen).toMatchObject({ mode: "all", root, platform: "linux/arm64", leftOut: [] });
    expect(namesOf(chosen)).toEqual(["a", "b"]);
  });

  test("what no registry has stays on this machine, and that is told", () => {
    const chosen = choose([{}], {}, false);
    expect(chosen).toMatchObject({ mode: "here", ...here, nodes: [], why: expect.stringContaining("registry") });
  });
});

describe("agents that cannot be asked", () => {
  const away = [
    { name: "alive", heardAtSeconds: 1000 },
    { name: "never", heardAtSeconds: undefined },
    { name: "silent", heardAtSeconds: 399 },
    { name: "slow", heardAtSeconds: 401 },
    { name: "old", heardAtSeconds: 1000, root: undefined },
    { name: "odd", heardAtSeconds: 1000, root: "relative" },
    { name: "removed", heardAtSeconds: 1000, state: "unregistered" as const },
    { name: "refused", heardAtSeconds: 1000, state: "rejected" as const },
  ];

  test("are left out, with the reason where somebody may miss them", () => {
    const chosen = choose(away);
    expect(namesOf(chosen)).toEqual(["alive", "slow"]);
    expect(chosen.leftOut).toEqual([
      { name: "never", why: "it was never heard of" },
      { name: "odd", why: "its agent does not tell its packages directory and platform" },
      { name: "old", why: "its agent does not tell its packages directory and platform" },
      { name: "silent", why: "it was last heard of at 2026-01-01T00:06:39Z" },
    ]);
  });

  test("are none where agents are asked for", async () => {
    for (const mode of ["all", "any"] as const) {
      const fault = await faultOf(() => choose([{ name: "never", heardAtSeconds: undefined }], { mode }));
      expect(fault.code).toBe("placement/no-agent");
      expect(fault.message).toContain("never: it was never heard of");
    }
  });
});

describe("a selector", () => {
  const nodes = [{ name: "gpu-1" }, { name: "gpu-2" }, { name: "cpu-1" }];

  test("chooses", () => {
    const chosen = choose(nodes, { mode: "selector", selector: parseNodeSelector("name=gpu-*") });
    expect(namesOf(chosen)).toEqual(["gpu-1", "gpu-2"]);
    expect(chosen.selector).toBe("name=gpu-*");
  });

  test("that chooses nothing is an error that says what there is", async () => {
    const fault = await faultOf(() => choose(nodes, { mode: "selector", selector: parseNodeSelector("name=x") }));
    expect(fault.code).toBe("placement/no-agent");
    expect(fault.message).toContain("cpu-1, gpu-1, gpu-2");
  });

  test("leaves out nobody whom it does not mean", () => {
    const request = { mode: "selector" as const, selector: parseNodeSelector("name=gpu-*") };
    expect(choose([...nodes, { name: "cpu-2", heardAtSeconds: undefined }], request).leftOut).toEqual([]);
  });
});

describe("several directories", () => {
  const nodes = [{ name: "a" }, { name: "b", root: "/srv/packages" }, { name: "c" }];

  test("cannot be in one placement: a package has one path in what is submitted", async () => {
    const fault = await faultOf(() => choose(nodes));
    expect(fault.code).toBe("placement/several-roots");
    expect(fault.message).toContain(`${root} on a, c; /srv/packages on b`);
  });

  test("are no trouble where one node is enough: those like the roomiest are tried", () => {
    const roomy = nodes.map((node, index) => ({ ...node, freeMebibytes: 1000 + index }));
    expect(namesOf(choose(roomy, { mode: "any" }))).toEqual(["c", "a"]);
  });

  test("say nothing of where files are that are not placed", () => {
    expect(choose(nodes, { mode: "none" })).toMatchObject({ ...here, nodes: [] });
    expect(choose([{ name: "a" }], { mode: "none" })).toMatchObject({ root, nodes: [] });
  });
});

test("a saved plan's nodes are asked and no others", () => {
  const nodes = [{ name: "a" }, { name: "b" }, { name: "c" }];
  expect(namesOf(choose(nodes, { mode: "all", names: ["a", "c", "gone"] }))).toEqual(["a", "c"]);
});
