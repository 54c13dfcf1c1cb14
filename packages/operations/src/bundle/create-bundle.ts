import type { Digest } from "@cpm/base";
import { formatBytes } from "@cpm/base";
import type { Lockfile } from "@cpm/model";
import { formatLockfile, lockfileName, parseLockfile } from "@cpm/model";
import { containerBytes, DraftFile, SplitWriter, writeContainer } from "@cpm/store";
import type { ByteSink } from "@cpm/store";
import type { PackageAccess } from "../package/locate-package.ts";
import type { BundlePlan, OtherBundle, SourcedGraph } from "./bundle-plan.ts";
import { planBundle } from "./bundle-plan.ts";
import { readPackageGraph } from "./package-graph.ts";

export interface BundleRequest {
  readonly lock: Lockfile;
  readonly path: string;
  /** Only these platforms of packages of several; undefined for all. */
  readonly platforms?: readonly string[] | undefined;
  /** Bundles whose contents are left out. */
  readonly without?: readonly OtherBundle[];
  /** Writes parts of at most this size; undefined for one file. */
  readonly maxPartBytes?: number | undefined;
}

export interface CreatedBundle {
  readonly id: Digest;
  /** One, or the parts in order. */
  readonly paths: readonly string[];
  readonly packages: number;
  readonly contents: number;
  /** Of the whole file, headers included. */
  readonly sizeBytes: number;
  readonly needs: readonly Digest[];
}

/** Packages whose manifests are read at once. */
const inFlight = 8;

/**
 * Writes one file with everything that a lockfile names: packages, signatures, and what is needed to resolve again
 * without a registry. Nothing is there before it is whole; contents stream from the registries, each checked. Throws
 * what reading the packages throws, and `split/part-size`.
 */
export async function createBundle(request: BundleRequest, access: PackageAccess): Promise<CreatedBundle> {
  const { platforms, without = [], maxPartBytes, path } = request;
  // As it stands in a file, so that its order hangs on nothing else.
  const lock = parseLockfile({ path: lockfileName, text: formatLockfile(request.lock) });
  const graphs = await readGraphs(lock, platforms, access);
  const plan = planBundle(lock, graphs, platforms, without);
  const sizeBytes = containerBytes(plan.files);
  const paths =
    maxPartBytes === undefined
      ? await writeWhole(plan, path, sizeBytes, access)
      : await writeParts(plan, path, sizeBytes, maxPartBytes, access);
  const { id, contents, document } = plan;
  return {
    id,
    paths,
    packages: lock.packages.length,
    contents,
    sizeBytes,
    needs: document.needs.map(({ bundle }) => bundle),
  };
}

async function readGraphs(
  lock: Lockfile,
  platforms: readonly string[] | undefined,
  access: PackageAccess,
): Promise<readonly SourcedGraph[]> {
  const found: SourcedGraph[] = [];
  const queue = [...lock.packages.entries()];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [index, locked] = next;
      const source = access.reader(locked.registry, locked.name);
      found[index] = { ...(await readPackageGraph(locked, source, { platforms, signal: access.signal })), source };
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return found;
}

async function writeWhole(
  plan: BundlePlan,
  path: string,
  totalBytes: number,
  access: PackageAccess,
): Promise<readonly string[]> {
  const draft = new DraftFile(path);
  try {
    await writeContainer(plan.files, counted(draft, totalBytes, access), access.signal);
    draft.publish();
    return [path];
  } finally {
    draft.discard();
  }
}

async function writeParts(
  plan: BundlePlan,
  path: string,
  totalBytes: number,
  maxPartBytes: number,
  access: PackageAccess,
): Promise<readonly string[]> {
  const writer = new SplitWriter(path, totalBytes, maxPartBytes);
  try {
    await writeContainer(plan.files, counted(writer, totalBytes, access), access.signal);
    return writer.publish();
  } finally {
    writer.discard();
  }
}

function counted(sink: ByteSink, totalBytes: number, { report }: PackageAccess): ByteSink {
  const item = { id: "bundle", label: "bundle" };
  let doneBytes = 0;
  return {
    write(chunk) {
      sink.write(chunk);
      doneBytes += chunk.length;
      const finished = doneBytes === totalBytes;
      const state = finished ? `written (${formatBytes(totalBytes)})` : "writing";
      report?.({ ...item, state, doneBytes, totalBytes, finished });
    },
  };
}
