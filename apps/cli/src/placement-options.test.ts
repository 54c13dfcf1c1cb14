import { describe, expect, test } from "bun:test";
import type { PlacementRequest } from "@cpm/operations";
import type { ParsedOptions } from "./command.ts";
import { parseOptions } from "./parse-options.ts";
import { placementOptions, readPlacement } from "./placement-options.ts";

async function read(...argv: readonly string[]): Promise<PlacementRequest> {
  const { options } = parseOptions(argv, placementOptions, []);
  return readPlacement(options as ParsedOptions<typeof placementOptions>);
}

describe("where files go", () => {
  test("is decided later when nothing is said", async () => {
    expect(await read()).toEqual({ mode: undefined });
  });

  test("is what is said", async () => {
    for (const mode of ["all", "any", "none"] as const) expect(await read("--placement", mode)).toEqual({ mode });
  });

  test("is by a selector where there is one, and by one of its nodes with any", async () => {
    const selector = { text: "name=gpu-*", terms: [["name", "gpu-*"]] };
    expect(await read("--selector", "name=gpu-*")).toMatchObject({ mode: "selector", selector });
    expect(await read("--placement", "any", "--selector", "name=gpu-*")).toMatchObject({ mode: "any", selector });
  });

  test.each<[code: string, argv: readonly string[]]>([
    ["cli/usage", ["--placement", "some"]],
    ["cli/usage", ["--placement", "here"]],
    ["cli/usage", ["--placement", "selector"]],
    ["cli/usage", ["--placement", "all", "--selector", "name=a"]],
    ["cli/usage", ["--placement", "none", "--selector", "name=a"]],
    ["placement/selector", ["--selector", "nmae=a"]],
  ])("throws %s for %j", async (code, argv) => {
    await expect(read(...argv)).rejects.toMatchObject({ code });
  });
});
