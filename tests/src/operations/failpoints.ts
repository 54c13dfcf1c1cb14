import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dir, "../../..");

/** Every failpoint that stands in the code that an install or an uninstall runs. */
export function failpointsInSource(): readonly string[] {
  const found = new Set<string>();
  for (const folder of ["packages/operations/src", "packages/store/src"]) {
    for (const path of readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })) {
      if (!path.endsWith(".ts") || path.endsWith(".test.ts")) continue;
      const text = readFileSync(join(root, folder, path), "utf8");
      for (const [, name] of text.matchAll(/\bfailpoint\("([^"]+)"\)/g)) if (name !== undefined) found.add(name);
    }
  }
  return [...found].toSorted();
}
