import { readFileSync, writeFileSync } from "node:fs";
import type { DeclaredLayer, PackedLayer } from "@cpm/store";
import { treeDigest } from "@cpm/store";
import type { Descriptor } from "@cpm/oci";
import { packageMediaTypes } from "@cpm/model";
import type { Digest } from "@cpm/base";

/** What a command that unpacks or pulls one layer is told. */
export interface LayerJob {
  readonly tree: Digest;
  readonly descriptor: Descriptor;
  readonly declared: DeclaredLayer;
}

export function createLayerJob(layer: PackedLayer): LayerJob {
  return {
    tree: treeDigest([layer.listing]),
    descriptor: { mediaType: packageMediaTypes.layerZstd, digest: layer.digest, sizeBytes: layer.sizeBytes },
    declared: { sizeBytes: layer.contentBytes, entries: layer.entries, diffId: layer.diffId },
  };
}

export function writeLayerJob(path: string, job: LayerJob): void {
  writeFileSync(path, JSON.stringify(job));
}

export function readLayerJob(path: string): LayerJob {
  return JSON.parse(readFileSync(path, "utf8")) as LayerJob;
}
