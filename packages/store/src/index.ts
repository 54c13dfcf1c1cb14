export { BlobDirectory, makeDirectory } from "./blob-directory.ts";
export * from "./copy-graph.ts";
export { createDirectoryStore, DirectoryStore, openDirectoryStore } from "./directory-store.ts";
export { fileError, storeErrors, systemCode, withFileErrors } from "./errors.ts";
export { KeyedQueue } from "./keyed-queue.ts";
export {
  readFileBytes,
  readOpenFile,
  removeFile,
  replaceFile,
  syncDirectory,
  syncInBackground,
  writeFully,
} from "./files.ts";
export { failpoint } from "./failpoint.ts";
export * from "./hash.ts";
export { inParallel } from "./in-parallel.ts";
export { DraftFile } from "./draft-file.ts";
export { blobPath, LayoutFile, openLayout, openLayoutFile, writeLayoutFile } from "./layout-file.ts";
export { findTag, formatLayoutIndex, layoutMarker, readLayoutIndex, refName } from "./layout-index.ts";
export { containerBytes, ContainerWriter, writeContainer } from "./layout-stream.ts";
export type { ByteSink, StreamedFile } from "./layout-stream.ts";
export { openFileAccess } from "./random-access.ts";
export type { RandomAccess } from "./random-access.ts";
export { isPartName, openSplitFile, verifySplitFile } from "./split-reader.ts";
export type { SplitFile } from "./split-reader.ts";
export { SplitWriter } from "./split-writer.ts";
export * from "./list-files.ts";
export { measureTree } from "./measure-tree.ts";
export { MemoryStore } from "./memory-store.ts";
export { NodeStore, openNodeStore } from "./node-store.ts";
export type { PlacedTree, TreeRequest } from "./node-store.ts";
export type { PackedContent, TreeUnpacker, UnpackJob } from "./tree-unpacker.ts";
export { packLayer } from "./pack-layer.ts";
export type { PackedLayer, PackOptions } from "./pack-layer.ts";
export { currentProcess, isRunning, tryLock, waitForLock } from "./process-lock.ts";
export type { ProcessIdentity, ProcessLock } from "./process-lock.ts";
export { Arrival } from "./arrival.ts";
export { readLayer } from "./read-layer.ts";
export type { DeclaredLayer, LayerSink, ReadLayerOptions } from "./read-layer.ts";
export { removeTree } from "./remove-tree.ts";
export { canShareFiles, leastSharedBytes, SharedFiles } from "./shared-files.ts";
export type { SharedFilesOptions } from "./shared-files.ts";
export type { SharedBytes } from "./share-tree.ts";
export { treeDigest, TreeWriter } from "./tree-writer.ts";
export { isBlobIntact, verifyTree } from "./verify-tree.ts";
export type { VerifyOptions, VerifyTreeOptions } from "./verify-tree.ts";
export { generateSigningKeyPem, openSigner, sha256, signatureVerifier } from "./signing-key.ts";
