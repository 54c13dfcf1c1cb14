import type { CancelSignal, Digest } from "@cpm/base";
import { collectBytes } from "@cpm/base";
import { defaultManifestLimits, descriptorsOf, isManifestType, parseManifestBytes } from "@cpm/oci";
import type { Descriptor, Store, StoreReader } from "@cpm/oci";
import { verifiedBytes } from "./hash.ts";
import { inParallel } from "./in-parallel.ts";

export interface CopyOptions {
  /** Tags that the root gets in the destination, in the step that makes it visible. */
  readonly tags?: readonly string[];
  /** How many blobs travel at once. Default 4. */
  readonly concurrency?: number;
  readonly onProgress?: (event: CopyProgress) => void;
  readonly signal?: CancelSignal | undefined;
}

export type CopyProgress =
  /** Everything that belongs to the graph is known. */
  | { readonly kind: "planned"; readonly contents: number; readonly totalBytes: number }
  | { readonly kind: "present"; readonly content: Descriptor }
  | { readonly kind: "bytes"; readonly content: Descriptor; readonly addedBytes: number }
  | { readonly kind: "copied"; readonly content: Descriptor };

interface PlannedManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** What a copy consists of: blobs in any order, then manifests, each after those that it refers to. */
interface CopyPlan {
  readonly blobs: readonly Descriptor[];
  readonly manifests: readonly PlannedManifest[];
}

/**
 * Copies a verified graph from one store to another: publish, pull, mirror and node placement are this one
 * function. Every byte is checked against its digest on the way; what the destination already holds is not sent;
 * interrupted ingests continue where they stopped. The root becomes visible last, in one step with its tags.
 */
export async function copyGraph(
  from: StoreReader,
  to: Store,
  root: Descriptor,
  options: CopyOptions = {},
): Promise<void> {
  const report = options.onProgress ?? (() => {});
  const plan = await planCopy(from, root, options.signal);
  const sizes = [...plan.blobs, ...plan.manifests.map((entry) => entry.descriptor)].map((entry) => entry.sizeBytes);
  report({ kind: "planned", contents: sizes.length, totalBytes: sizes.reduce((sum, size) => sum + size, 0) });
  await inParallel(plan.blobs, options.concurrency ?? 4, (blob) => copyContent(from, to, blob, report, options.signal));
  for (const { descriptor, bytes } of plan.manifests) {
    const tags = descriptor.digest === root.digest ? (options.tags ?? []) : [];
    await to.putManifest(descriptor, bytes, tags, { signal: options.signal });
    report({ kind: "copied", content: descriptor });
  }
}

/** Copies one blob, continuing what an earlier attempt left. A failed attempt leaves what it has for the next. */
export async function copyContent(
  from: Pick<Store, "read">,
  to: Pick<Store, "ingest">,
  content: Descriptor,
  report: (event: CopyProgress) => void = () => {},
  signal?: CancelSignal,
): Promise<void> {
  const ingest = await to.ingest(content, { signal });
  if (ingest === undefined) {
    report({ kind: "present", content });
    return;
  }
  let finished = false;
  try {
    if (ingest.offsetBytes > 0) report({ kind: "bytes", content, addedBytes: ingest.offsetBytes });
    const lengthBytes = content.sizeBytes - ingest.offsetBytes;
    if (lengthBytes > 0) {
      for await (const chunk of from.read(content, { offsetBytes: ingest.offsetBytes, signal })) {
        signal?.throwIfAborted();
        await ingest.write(chunk);
        report({ kind: "bytes", content, addedBytes: chunk.length });
      }
    }
    finished = true;
    await ingest.commit();
  } finally {
    if (!finished) await ingest.suspend();
  }
  report({ kind: "copied", content });
}

/** A manifest's bytes, checked against its descriptor. */
export async function readManifestBytes(
  store: Pick<StoreReader, "read">,
  descriptor: Descriptor,
  signal?: CancelSignal,
): Promise<Uint8Array> {
  return collectBytes(verifiedBytes(store.read(descriptor, { signal }), descriptor), defaultManifestLimits.maxBytes);
}

async function planCopy(from: StoreReader, root: Descriptor, signal: CancelSignal | undefined): Promise<CopyPlan> {
  const seen = new Set<Digest>();
  const blobs: Descriptor[] = [];
  const manifests: PlannedManifest[] = [];
  const visit = async (descriptor: Descriptor): Promise<void> => {
    if (seen.has(descriptor.digest)) return;
    seen.add(descriptor.digest);
    if (!isManifestType(descriptor.mediaType)) {
      blobs.push(descriptor);
      return;
    }
    const bytes = await readManifestBytes(from, descriptor, signal);
    for (const child of descriptorsOf(parseManifestBytes(bytes, descriptor.mediaType))) await visit(child);
    manifests.push({ descriptor, bytes });
  };
  await visit(root);
  return { blobs, manifests };
}
