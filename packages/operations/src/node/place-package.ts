import type { CancelSignal } from "@cpm/base";
import type { NodeStore, PlacedTree, TreeRequest } from "@cpm/store";
import { operationError } from "../errors.ts";
import type { PackageContents } from "../package/read-contents.ts";
import type { ReportProgress } from "../progress.ts";
import { createByteCounter } from "../progress.ts";

/**
 * Puts a package's files on this node and points its version at them. Nothing is done when they are here. Throws
 * `store/no-space` before anything is written, and the errors of reading and writing.
 */
export async function placePackage(
  contents: PackageContents,
  node: NodeStore,
  report: ReportProgress,
  signal?: CancelSignal,
): Promise<PlacedTree> {
  const { manifest, config, source } = contents;
  const layers = layersOf(contents);
  const id = `place ${config.tree}`;
  const label = `${manifest.name}@${manifest.version.text}`;
  const totalBytes = layers.reduce((sum, { descriptor }) => sum + descriptor.sizeBytes, 0);
  const onProgress = createByteCounter(report, { id, label, state: "fetching", totalBytes });
  const placed = await node.ensureTree({ tree: config.tree, layers, source, onProgress, signal });
  node.setRef(manifest.name, manifest.version.text, config.tree);
  report({ id, label, state: placed.present ? "in place already" : "in place", finished: true });
  return placed;
}

/** Makes the tree of a package anew and has `swap` put it in place of the one that is there: see `NodeStore.replaceTree`. */
export async function replacePackage(
  contents: PackageContents,
  node: NodeStore,
  swap: (staging: string, folder: string) => void,
  signal?: CancelSignal,
): Promise<void> {
  const { config, source } = contents;
  await node.replaceTree({ tree: config.tree, layers: layersOf(contents), source, signal }, swap);
}

function layersOf({ manifest, config, layers }: PackageContents): TreeRequest["layers"] {
  return layers.map((descriptor, index) => {
    const declared = config.layers[index];
    if (declared === undefined) {
      throw operationError("package/not-a-package", `${manifest.name}: a layer is not declared in the config`);
    }
    // The listing covers every file, so the tar needs no hash of its own.
    return { descriptor, declared: { sizeBytes: declared.sizeBytes, entries: declared.entries } };
  });
}
