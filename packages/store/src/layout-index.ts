import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Descriptor, OciIndex } from "@cpm/oci";
import { annotationKeys, compareByteOrder, formatManifest, mediaTypes, parseManifestBytes } from "@cpm/oci";
import { storeError, withFileErrors } from "./errors.ts";

/** The text of `oci-layout` (image-spec v1.1, image-layout.md). */
export const layoutMarker = '{"imageLayoutVersion":"1.0.0"}';

/** Throws `store/not-a-layout` unless a marker's text is of a version that is known. */
export function checkLayoutMarker(text: string, where: string): void {
  if (!/"imageLayoutVersion"\s*:\s*"1\.0\.\d+"/.test(text))
    throw storeError("store/not-a-layout", `${where} is an OCI image layout of an unknown version`);
}

export const emptyLayoutIndex: OciIndex = { kind: "index", mediaType: mediaTypes.index, manifests: [] };

/** What the index of a layout may have: that of a whole registry lists all its versions, some 200 000 of them. */
export const maxLayoutIndexBytes: number = 64 * 1024 * 1024;
const indexLimits = { maxBytes: maxLayoutIndexBytes, maxDescriptors: 1_000_000 };

/** The index of the layout in a directory; of nothing where it has none yet. Throws as `parseLayoutIndex`. */
export function readLayoutIndex(root: string): OciIndex {
  const path = join(root, "index.json");
  const found = withFileErrors("read", path, () => statSync(path, { throwIfNoEntry: false }));
  if (found === undefined) return emptyLayoutIndex;
  if (found.size > maxLayoutIndexBytes) throw storeError("store/not-a-layout", `${path} has ${found.size} bytes`);
  const bytes = withFileErrors("read", path, () => readFileSync(path));
  return parseLayoutIndex(bytes, root);
}

/** The index as a layout has it. Throws `store/layout-too-long` for what `parseLayoutIndex` would not read again. */
export function formatLayoutIndex(index: OciIndex): Uint8Array {
  const bytes = formatManifest(index);
  if (bytes.length <= maxLayoutIndexBytes) return bytes;
  throw storeError("store/layout-too-long", `the index would have ${bytes.length} bytes, of ${maxLayoutIndexBytes}`);
}

/** Reads the index of a layout, which lists its tags. Throws `store/not-a-layout` and the codec's errors. */
export function parseLayoutIndex(bytes: Uint8Array, where: string): OciIndex {
  const index = parseManifestBytes(bytes, mediaTypes.index, indexLimits);
  if (index.kind !== "index") throw storeError("store/not-a-layout", `the index of ${where} is not an image index`);
  return index;
}

export function refName(entry: Descriptor): string | undefined {
  return entry.annotations?.[annotationKeys.refName];
}

/** What a tag points to; undefined when the index has no such tag. */
export function findTag(index: OciIndex, name: string): Descriptor | undefined {
  const entry = index.manifests.find((candidate) => refName(candidate) === name);
  return entry === undefined
    ? undefined
    : { mediaType: entry.mediaType, digest: entry.digest, sizeBytes: entry.sizeBytes };
}

/** The tags that begin with `prefix`, without it, in byte order. With no prefix: those of no repository. */
export function tagsWith(index: OciIndex, prefix: string): readonly string[] {
  const names = index.manifests.map(refName).filter((name) => name !== undefined);
  const own = names.filter((name) => (prefix === "" ? !name.includes(":") : name.startsWith(prefix)));
  return own.map((name) => name.slice(prefix.length)).sort(compareByteOrder);
}
