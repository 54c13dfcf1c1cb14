import { readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");

/** Every failpoint that stands in the code below these folders, in order. */
export function failpointsIn(...folders: readonly string[]): readonly string[] {
  const sources = folders.flatMap((folder) =>
    [...new Bun.Glob("**/*.ts").scanSync(join(root, folder))]
      .filter((path) => !path.includes("test"))
      .map((path) => readFileSync(join(root, folder, path), "utf8")),
  );
  const named = sources.flatMap((text) => [...text.matchAll(/\bfailpoint\("([^"]+)"\)/g)]);
  return [...new Set(named.map(([, step = ""]) => step))].toSorted();
}
