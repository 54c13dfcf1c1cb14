import type { Digest } from "@cpm/base";

import type { LockedPackage } from "@cpm/model";
import type { Bundle } from "./open-bundle.ts";

/** What a bundle says it holds, without reading its contents. */
export interface BundleSummary {
  readonly path: string;
  readonly id: Digest;
  /** Of the container. */
  readonly sizeBytes: number;
  /** Its files, when it is in parts. */
  readonly parts: readonly string[];
  /** Those that it was made for; absent for all. */
  readonly platforms?: readonly string[];
  readonly packages: readonly BundledPackage[];
  readonly needs: readonly { readonly bundle: Digest; readonly contents: number; readonly sizeBytes: number }[];
}

export interface BundledPackage {
  readonly registry: string;
  readonly name: string;
  readonly version: string;
  readonly digest: Digest;
  /** Those that are in the bundle or in what it needs; none for a package of all. */
  readonly platforms: readonly string[];
  /** Compressed bytes of its layers, wherever they are. */
  readonly sizeBytes: number;
  /** Those of the layers that are in this bundle. */
  readonly heldBytes: number;
  readonly evidence: number;
}

export function inspectBundle(bundle: Bundle): BundleSummary {
  const { path, id, layout, split, document, lock } = bundle;
  const { platforms } = document;
  return {
    path,
    id,
    sizeBytes: layout.access.sizeBytes,
    parts: split?.parts.map((part) => part.path) ?? [],
    ...(platforms === undefined ? {} : { platforms }),
    packages: lock.packages.map((entry) => summarise(entry, bundle)),
    needs: document.needs.map((needed) => ({
      bundle: needed.bundle,
      contents: needed.contents.length,
      sizeBytes: needed.contents.reduce((sum, entry) => sum + entry.sizeBytes, 0),
    })),
  };
}

function summarise(locked: LockedPackage, { layout, document }: Bundle): BundledPackage {
  const { registry, name, version, digest, variants, evidence } = locked;
  const chosen = variants.filter(
    ({ platform }) =>
      platform === undefined || document.platforms === undefined || document.platforms.includes(platform),
  );
  const layers = new Map(chosen.flatMap((variant) => variant.layers).map((layer) => [layer.digest, layer.sizeBytes]));
  const held = [...layers].filter(([layer]) => layout.sizeOf(layer) !== undefined);
  return {
    registry,
    name,
    version: version.text,
    digest,
    platforms: chosen.flatMap(({ platform }) => platform ?? []),
    sizeBytes: total([...layers]),
    heldBytes: total(held),
    evidence: evidence.length,
  };
}

function total(layers: readonly (readonly [Digest, number])[]): number {
  return layers.reduce((sum, [, sizeBytes]) => sum + sizeBytes, 0);
}
