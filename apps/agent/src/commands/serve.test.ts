import { describe, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";

/** What only a download, a check of files or a colony needs. Such an agent may never come to it. */
const forbidden =
  /node_modules\/(?:yaml|re2js|@noble)\/|packages\/(?:operations|template|solver|colonies)\/|registry-client\/src\/(?:client|repository|transport)\.ts/;

describe("an agent that serves what is installed", () => {
  test("loads none of what asks a registry, reads manifests or works for a colony", async () => {
    const loaded = await modulesLoadedBy(fileURLToPath(new URL("serve.ts", import.meta.url)));
    expect(loaded.some((path) => path.endsWith("service/package-handlers.ts"))).toBe(true);
    expect(loaded.filter((path) => forbidden.test(path))).toEqual([]);
  });
});

/** Paths of the files that importing one brings with it, without what it imports while it runs. */
async function modulesLoadedBy(entry: string): Promise<readonly string[]> {
  const { metafile } = await Bun.build({ entrypoints: [entry], target: "bun", splitting: true, metafile: true });
  const inputs = metafile?.inputs ?? {};
  const [first = ""] = Object.keys(inputs).filter((path) => entry.endsWith(path.replace(/^(?:\.\.\/)+/, "/")));
  const loaded = new Set<string>();
  const visit = (path: string): void => {
    if (loaded.has(path)) return;
    loaded.add(path);
    const imports = inputs[path]?.imports ?? [];
    for (const { path: next, kind } of imports) if (kind !== "dynamic-import") visit(next);
  };
  visit(first);
  return [...loaded];
}
