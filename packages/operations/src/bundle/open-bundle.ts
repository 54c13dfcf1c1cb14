import type { Digest, JsonObject } from "@cpm/base";
import { collectBytes, decodeUtf8, isCpmError, isJsonObject, parseJson } from "@cpm/base";
import type { Lockfile } from "@cpm/model";
import { bundleMediaTypes, lockfileName, parseLockfile } from "@cpm/model";
import type { Descriptor } from "@cpm/oci";
import { annotationKeys, isManifestType, parseManifestBytes } from "@cpm/oci";
import { openLayout, readManifestBytes, verifiedBytes } from "@cpm/store";
import type { LayoutFile } from "@cpm/store";
import { operationError } from "../errors.ts";
import type { BundleDocument } from "./bundle-document.ts";
import { parseBundleDocument } from "./bundle-document.ts";
import { bundleTag, listingTitle } from "./bundle-plan.ts";
import type { BundleFile } from "./find-bundles.ts";

/** One bundle, opened: what it says is read and checked, its contents are not. */
export interface Bundle extends BundleFile {
  readonly path: string;
  /** Digest of its artifact. */
  readonly id: Digest;
  readonly layout: LayoutFile;
  readonly document: BundleDocument;
  readonly lock: Lockfile;
  /** What each package of the lockfile is listed as, by `registry/namespace/name`. */
  readonly listings: ReadonlyMap<string, JsonObject>;
}

const layoutFiles = /^(?:blobs\/sha(?:256|512)\/[0-9a-f]+|index\.json|oci-layout)$/;
const maxPartBytes = 64 * 1024 * 1024;

/** Throws `bundle/invalid` for what is no bundle or not a whole one, and a file's error. */
export async function openBundle(file: BundleFile): Promise<Bundle> {
  const { path } = file.access;
  try {
    return await readBundle(file, path);
  } catch (error) {
    throw asInvalid(error, path);
  }
}

async function readBundle(file: BundleFile, path: string): Promise<Bundle> {
  const layout = await openLayout(file.access);
  const foreign = layout.paths.find((name) => !layoutFiles.test(name));
  if (foreign !== undefined) throw operationError("bundle/invalid", `${path} holds ${foreign}, which no bundle does`);
  const artifacts = layout.index.manifests.filter((entry) => entry.annotations?.[annotationKeys.refName] === bundleTag);
  const [artifact] = artifacts;
  if (artifact === undefined || artifacts.length > 1 || !isManifestType(artifact.mediaType))
    throw operationError("bundle/invalid", `${path} holds ${artifacts.length} bundles, not one`);
  const manifest = parseManifestBytes(await readManifestBytes(layout, artifact), artifact.mediaType);
  if (manifest.kind !== "manifest" || manifest.artifactType !== bundleMediaTypes.bundle)
    throw operationError("bundle/invalid", `${path} is ${manifest.artifactType ?? "an image layout"}, no bundle`);
  const document = parseBundleDocument(await readPart(layout, manifest.config), path);
  const [locked, ...listed] = manifest.layers;
  if (locked?.mediaType !== bundleMediaTypes.lockfile)
    throw operationError("bundle/invalid", `${path} has no lockfile`);
  const text = decodeUtf8(await readPart(layout, locked));
  const lock = parseLockfile({ path: `${path}:${lockfileName}`, text });
  const listings = await readListings(layout, lock, listed);
  return { ...file, path, id: artifact.digest, layout, document, lock, listings };
}

/** One for each package, in the order of the lockfile. */
async function readListings(
  layout: LayoutFile,
  lock: Lockfile,
  listed: readonly Descriptor[],
): Promise<ReadonlyMap<string, JsonObject>> {
  const listings = new Map<string, JsonObject>();
  if (listed.length !== lock.packages.length)
    throw operationError("bundle/disagrees", `${lock.packages.length} packages are locked and ${listed.length} listed`);
  for (const [index, entry] of lock.packages.entries()) {
    const descriptor = listed[index];
    if (descriptor?.annotations?.[annotationKeys.title] !== listingTitle(entry))
      throw operationError("bundle/disagrees", `there is no listing of ${entry.registry}/${entry.name}`);
    // oxlint-disable-next-line no-await-in-loop -- one small file, read where it stands
    const value = parseJson(decodeUtf8(await readPart(layout, descriptor)), { file: listingTitle(entry) });
    if (!isJsonObject(value)) throw operationError("bundle/invalid", `${listingTitle(entry)} is not an object`);
    listings.set(`${entry.registry}/${entry.name}`, value);
  }
  return listings;
}

async function readPart(layout: LayoutFile, descriptor: Descriptor): Promise<Uint8Array> {
  return collectBytes(verifiedBytes(layout.read(descriptor), descriptor), maxPartBytes);
}

/** Whatever is wrong with what the file says is the file's fault; what the system says of it is not. */
function asInvalid(error: unknown, path: string): unknown {
  if (!isCpmError(error) || /^(?:bundle|split)\//.test(error.code)) return error;
  if (["unavailable", "permission_denied", "cancelled", "internal"].includes(error.kind)) return error;
  const context = { path, ...error.context };
  return operationError("bundle/invalid", `${path} is not a whole bundle: ${error.message}`, { cause: error, context });
}
