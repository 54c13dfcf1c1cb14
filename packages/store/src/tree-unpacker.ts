import type { CancelSignal, Digest } from "@cpm/base";
import type { Descriptor, Store } from "@cpm/oci";
import type { BlobDirectory } from "./blob-directory.ts";
import type { DeclaredLayer } from "./read-layer.ts";

/** A layer, and what the package's config declares of its content. */
export interface PackedContent {
  readonly descriptor: Descriptor;
  readonly declared: DeclaredLayer;
}

/** A tree that is to be made. Only the unpacker uses the directory while it works. */
export interface UnpackJob {
  /** A fresh directory that holds an empty directory `root`. */
  readonly staging: string;
  /** The address that the listing is to have; whoever gave the job holds it against that. */
  readonly tree: Digest;
  readonly layers: readonly PackedContent[];
  /** Where layers come from that are not among the blobs yet. */
  readonly source: Pick<Store, "read">;
  readonly blobs: BlobDirectory;
  /** Compressed bytes that have come, those of an earlier attempt included. */
  readonly onProgress: (addedBytes: number) => void;
  /** Bytes of files that were written, or are about to be. */
  readonly onFile: (sizeBytes: number) => void;
  readonly signal: CancelSignal | undefined;
}

/**
 * Turns the layers of a package into files: in this process (`ArrivingUnpacker`), or in one that may do nothing else.
 */
export interface TreeUnpacker {
  /**
   * Fetches the layers that are missing, keeps each as a blob once it is whole, and unpacks all of them, in order, into
   * `staging/root`. When the promise resolves:
   *
   * - `root` holds the union of the layers and nothing else, with no right to write anywhere in it;
   * - `staging/tree.json` is the canonical listing of what lies in `root`, whatever the layers said of themselves;
   * - files of it may have names elsewhere on the node, if the listing has the address that it is to have;
   * - nobody writes there any more, and nothing is promised about durability.
   *
   * When it rejects, nobody writes there any more either, and what lies there is the caller's to remove. The errors
   * are those of the strict reader (`archive/…`, `zstd/…`, `gzip/…`, `layer/…`), of the store (`store/…`), of the
   * source, and of the unpacker itself. Blobs that came whole stay, and a blob that came in part is continued next time.
   */
  unpack(job: UnpackJob): Promise<void>;
}
