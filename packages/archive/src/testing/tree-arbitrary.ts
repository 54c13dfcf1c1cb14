import { concatBytes } from "@cpm/base";
import fc from "fast-check";
import { checkPath } from "../entry-table.ts";
import { compareTarPaths, defaultArchiveLimits, tarEndBytes, tarPaddingBytes } from "../tar-entry.ts";
import type { TarEntry } from "../tar-entry.ts";
import { encodeTarHeader } from "../tar-header.ts";

const component = fc
  .oneof(
    fc.stringMatching(/^[a-z0-9_.-]{1,12}$/),
    fc.constantFrom("ü", "日本", "long-".repeat(30), "𝒳y", "é.txt", "-dash", "with space"),
  )
  .filter((name) => {
    try {
      checkPath(name, defaultArchiveLimits);
      return true;
    } catch {
      return false;
    }
  });

const leaf = fc.record({
  name: component,
  sizeBytes: fc.oneof(fc.integer({ min: 0, max: 1600 }), fc.constant(512)),
  executable: fc.boolean(),
});

/** Generated trees of every kind of entry, in the order of an archive. */
export const treeArbitrary: fc.Arbitrary<TarEntry[]> = fc
  .array(fc.tuple(fc.array(component, { maxLength: 4 }), leaf), { maxLength: 12 })
  .map((leaves) => toEntries(leaves));

/** Content that depends on the entry alone, so that a tree says what its bytes must be. */
export function contentOf(entry: TarEntry): Uint8Array<ArrayBuffer> {
  const content = new Uint8Array(entry.type === "file" ? entry.sizeBytes : 0);
  for (let at = 0; at < content.length; at++) content[at] = (entry.path.length * 31 + at * 7) & 0xff;
  return content;
}

export function writeTar(entries: readonly TarEntry[]): Uint8Array<ArrayBuffer> {
  const parts = entries.flatMap((entry) => [
    encodeTarHeader(entry),
    contentOf(entry),
    new Uint8Array(tarPaddingBytes(entry.sizeBytes)),
  ]);
  return concatBytes([...parts, new Uint8Array(tarEndBytes)]);
}

/** Keeps the first of those names that are one on some file system, and links each third file. */
function toEntries(
  leaves: readonly [string[], { name: string; sizeBytes: number; executable: boolean }][],
): TarEntry[] {
  const entries = new Map<string, TarEntry>();
  const key = (path: string) => path.normalize("NFKC").toLowerCase().toUpperCase().toLowerCase();
  const isDirectory = (path: string) => path === "" || entries.get(key(path))?.type === "directory";
  for (const [folders, { name, sizeBytes, executable }] of leaves) {
    let parent = "";
    for (const folder of folders) {
      const path = parent === "" ? folder : `${parent}/${folder}`;
      const known = entries.get(key(path));
      if (known === undefined) entries.set(key(path), { path, type: "directory", executable: false, sizeBytes: 0 });
      else if (known.type !== "directory" || known.path !== path) break;
      parent = path;
    }
    const path = parent === "" ? name : `${parent}/${name}`;
    if (!entries.has(key(path)) && isDirectory(parent))
      entries.set(key(path), { path, type: "file", executable, sizeBytes });
    const link = `${path}-link`;
    if (sizeBytes % 3 === 0 && entries.get(key(path))?.path === path && !entries.has(key(link)) && link.length < 200) {
      entries.set(key(link), {
        path: link,
        type: "symlink",
        executable: false,
        sizeBytes: 0,
        linkTarget: path.split("/").at(-1) ?? "",
      });
    }
  }
  return [...entries.values()].sort((left, right) => compareTarPaths(left.path, right.path));
}
