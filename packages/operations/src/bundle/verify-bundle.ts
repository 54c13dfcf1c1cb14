import type { CancelSignal, Digest } from "@cpm/base";
import { collectBytes, equalBytes, isDigest } from "@cpm/base";
import type { LockedPackage } from "@cpm/model";
import { mediaTypes } from "@cpm/oci";
import { verifySplitFile } from "@cpm/store";
import { operationError } from "../errors.ts";
import type { BundlePlan, OtherBundle, SourcedGraph } from "./bundle-plan.ts";
import { planBundle } from "./bundle-plan.ts";
import type { BundleSet } from "./bundle-set.ts";
import type { Bundle } from "./open-bundle.ts";
import { readPackageGraph } from "./package-graph.ts";

export interface VerifiedBundle {
  readonly path: string;
  readonly id: Digest;
  readonly packages: number;
  /** Signatures and attestations that are there. */
  readonly evidence: number;
  readonly contents: number;
  /** Bytes that were hashed. */
  readonly hashedBytes: number;
}

/**
 * Checks everything about bundles: every byte is hashed, everything that the lockfiles name is there, and each bundle is
 * byte for byte the one that its lockfile gives. Throws `bundle/damaged` with both digests and the file,
 * `bundle/incomplete`, `bundle/disagrees` and `split/part-damaged`.
 */
export async function verifyBundles(set: BundleSet, signal?: CancelSignal): Promise<readonly VerifiedBundle[]> {
  const verified: VerifiedBundle[] = [];
  for (const bundle of set.bundles) {
    // oxlint-disable-next-line no-await-in-loop -- the disk is read once, from the beginning to the end
    verified.push(await verifyBundle(bundle, set, signal));
  }
  return verified;
}

async function verifyBundle(bundle: Bundle, set: BundleSet, signal: CancelSignal | undefined): Promise<VerifiedBundle> {
  if (bundle.split !== undefined) await verifySplitFile(bundle.split, signal);
  const hashedBytes = await hashContents(bundle, set, signal);
  const { lock, document, path, id } = bundle;
  const { platforms } = document;
  const graphs: SourcedGraph[] = [];
  for (const locked of lock.packages) {
    requireContents(locked, set);
    const source = set.repository(locked.registry, locked.name);
    // oxlint-disable-next-line no-await-in-loop
    const graph = await readPackageGraph(locked, source, { platforms, signal });
    for (const { digest } of graph.contents.values()) requireContent(locked, digest, set);
    graphs.push({ ...graph, source });
  }
  const plan = planBundle(lock, graphs, platforms, neededBy(bundle));
  await compareWithPlan(bundle, plan);
  const evidence = graphs.reduce((sum, graph) => sum + graph.evidence.length, 0);
  return { path, id, packages: lock.packages.length, evidence, contents: plan.contents, hashedBytes };
}

async function hashContents(bundle: Bundle, set: BundleSet, signal: CancelSignal | undefined): Promise<number> {
  let hashedBytes = 0;
  const own = set.alone(bundle);
  for (const path of bundle.layout.paths) {
    const digest = path.split("/").slice(1).join(":");
    const sizeBytes = isDigest(digest) ? bundle.layout.sizeOf(digest) : undefined;
    if (!isDigest(digest) || sizeBytes === undefined) continue;
    // oxlint-disable-next-line no-await-in-loop
    for await (const chunk of own.read({ mediaType: mediaTypes.octetStream, digest, sizeBytes }, { signal }))
      hashedBytes += chunk.length;
  }
  return hashedBytes;
}

function requireContents(locked: LockedPackage, set: BundleSet): void {
  for (const digest of [locked.digest, ...locked.evidence]) requireContent(locked, digest, set);
}

function requireContent({ name, version }: LockedPackage, digest: Digest, set: BundleSet): void {
  if (set.sizeOf(digest) !== undefined) return;
  throw operationError("bundle/incomplete", `${digest} of ${name}@${version.text} is not in the bundle`, {
    context: { digest },
  });
}

function neededBy({ document }: Bundle): readonly OtherBundle[] {
  return document.needs.map(({ bundle, contents }) => {
    const sizes = new Map(contents.map((entry) => [entry.digest, entry.sizeBytes]));
    return { id: bundle, sizeOf: (digest) => sizes.get(digest) };
  });
}

/** The same lockfile gives the same bytes, so what the file says is known; contents were hashed already. */
async function compareWithPlan({ layout, id, path }: Bundle, plan: BundlePlan): Promise<void> {
  if (plan.id !== id)
    throw operationError("bundle/disagrees", `${path} says that it is ${id}, and its lockfile makes it ${plan.id}`, {
      context: { expected: plan.id, actual: id },
    });
  const planned = new Set(plan.files.map((file) => file.path));
  const stray = layout.paths.find((name) => !planned.has(name)) ?? missingFrom(layout.paths, planned);
  if (stray !== undefined) throw operationError("bundle/disagrees", `${path}: ${stray} is not what its lockfile names`);
  for (const file of plan.files.filter((entry) => !entry.path.startsWith("blobs/"))) {
    // oxlint-disable-next-line no-await-in-loop
    const [written, wanted] = await Promise.all([
      collectBytes(layout.readFile(file.path), file.sizeBytes + 1),
      collectBytes(file.read(), file.sizeBytes),
    ]);
    if (!equalBytes(written, wanted))
      throw operationError("bundle/disagrees", `${path}: ${file.path} is not what its lockfile gives`);
  }
}

function missingFrom(paths: readonly string[], planned: ReadonlySet<string>): string | undefined {
  const present = new Set(paths);
  return [...planned].find((name) => !present.has(name));
}
