import { statSync } from "node:fs";
import type { Digest } from "@cpm/base";
import { collectBytes, digestAlgorithm, isCpmError } from "@cpm/base";
import { descriptorsOf, parseManifestBytes, parseRepositoryName, parseTag } from "@cpm/oci";
import type { Descriptor, OciIndex, StoreReader } from "@cpm/oci";
import {
  openDirectoryStore,
  openLayoutFile,
  readLayoutIndex,
  readManifestBytes,
  refName,
  verifiedBytes,
} from "@cpm/store";
import { acceptManifest } from "../accept-manifest.ts";
import type { OfferedManifest } from "../accept-manifest.ts";
import type { Author } from "../access/audited-database.ts";
import { namespaceOf } from "../access/namespaces.ts";
import type { Namespaces } from "../access/namespaces.ts";
import { registryError } from "../errors.ts";
import type { Metadata } from "../metadata.ts";
import type { ObjectStorage } from "../objects/object-storage.ts";
import type { Uploads } from "../uploads.ts";
import { parseRepositoryDocument, repositoryAnnotation, repositoryMediaType } from "./repository-document.ts";
import type { RepositoryDocument } from "./repository-document.ts";

export interface ImportParts {
  readonly metadata: Metadata;
  readonly objects: ObjectStorage;
  readonly uploads: Uploads;
  readonly namespaces: Namespaces;
  readonly by: Author;
  readonly now: () => number;
}

export interface ImportResult {
  readonly repositories: number;
  readonly importedManifests: number;
  readonly copiedBlobs: number;
  readonly copiedBytes: number;
  /** What was not taken: by the layout's own fault, or because it is here already and is something else. */
  readonly refused: readonly { readonly repository: string; readonly subject: string; readonly why: string }[];
}

/** An image layout to import from. */
export interface LayoutSource {
  readonly reader: Pick<StoreReader, "read" | "stat">;
  readonly index: OciIndex;
}

const maxDocumentBytes = 256 * 1024 * 1024;

/** A directory, or a file that is one uncompressed tar. Throws `store/not-a-layout` and errors of files. */
export async function openLayoutSource(path: string): Promise<LayoutSource> {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) {
    const reader = await openLayoutFile(path);
    return { reader, index: reader.index };
  }
  return { reader: openDirectoryStore(path), index: readLayoutIndex(path) };
}

/**
 * Adds what an image layout has to a registry, repository by repository: blobs, then manifests with their tags, each
 * verified as a push is, a package by the same verifier. What is here is not copied again and never changed, so that
 * the same import can be run again after any failure; what is here as something else is refused and named. Of a layout
 * that a registry exported the times are kept, and whether a namespace that is new here is private.
 */
export async function importLayout(
  parts: ImportParts,
  { reader, index }: LayoutSource,
  isWanted: (repository: string) => boolean,
): Promise<ImportResult> {
  const run = new LayoutImport(parts, reader);
  for (const [repository, { document, entries }] of repositoriesOf(index)) {
    if (!isWanted(repository)) continue;
    const described = document === undefined ? undefined : await readDocument(reader, document);
    await run.add(repository, entries, described);
  }
  return run.result();
}

interface ListedRepository {
  document?: Descriptor;
  readonly entries: Descriptor[];
}

/** By what a registry's export says of each entry, and where another program wrote it by names such as `acme/web:1.0.0`. */
function repositoriesOf(index: OciIndex): ReadonlyMap<string, ListedRepository> {
  const found = new Map<string, ListedRepository>();
  for (const entry of index.manifests) {
    const repository = entry.annotations?.[repositoryAnnotation] ?? /^(.+):[^:/]+$/.exec(refName(entry) ?? "")?.[1];
    if (repository === undefined) continue;
    const own = found.get(repository) ?? { entries: [] };
    found.set(parseRepositoryName(repository), own);
    if (entry.artifactType === repositoryMediaType) own.document = entry;
    else own.entries.push(entry);
  }
  return found;
}

async function readDocument(reader: LayoutSource["reader"], entry: Descriptor): Promise<RepositoryDocument> {
  const where = `document ${entry.digest}`;
  const manifest = parseManifestBytes(await readManifestBytes(reader, entry), entry.mediaType);
  const [layer] = manifest.kind === "manifest" ? manifest.layers : [];
  if (layer?.mediaType !== repositoryMediaType)
    throw registryError("registry-server/export-invalid", `${where} has no layer that is one`);
  return parseRepositoryDocument(await collectBytes(verifiedBytes(reader.read(layer), layer), maxDocumentBytes), where);
}

/** What is said of one repository, by digest. */
interface Described {
  readonly repository: string;
  readonly tags: ReadonlyMap<Digest, readonly string[]>;
  readonly storedAtMs: ReadonlyMap<Digest, number>;
  readonly publishedAtMs: ReadonlyMap<Digest, number>;
}

function describe(
  repository: string,
  entries: readonly Descriptor[],
  document: RepositoryDocument | undefined,
): Described {
  const tags = new Map<Digest, string[]>();
  for (const entry of entries) {
    const name = refName(entry);
    if (name === undefined) continue;
    const tag = name.startsWith(`${repository}:`) ? name.slice(repository.length + 1) : name;
    tags.set(entry.digest, [...(tags.get(entry.digest) ?? []), parseTag(tag)]);
  }
  return {
    repository,
    tags,
    storedAtMs: new Map(document?.manifests.map(({ digest, storedAtMs }) => [digest, storedAtMs])),
    publishedAtMs: new Map(document?.versions.map(({ digest, publishedAtMs }) => [digest, publishedAtMs])),
  };
}

class LayoutImport {
  readonly #parts: ImportParts;
  readonly #reader: LayoutSource["reader"];
  /** A repository of the registry that has a blob. */
  readonly #homes = new Map<Digest, string>();
  readonly #refused: ImportResult["refused"][number][] = [];
  #repositories = 0;
  #importedManifests = 0;
  #copiedBlobs = 0;
  #copiedBytes = 0;

  constructor(parts: ImportParts, reader: LayoutSource["reader"]) {
    this.#parts = parts;
    this.#reader = reader;
  }

  result(): ImportResult {
    return {
      repositories: this.#repositories,
      importedManifests: this.#importedManifests,
      copiedBlobs: this.#copiedBlobs,
      copiedBytes: this.#copiedBytes,
      refused: this.#refused,
    };
  }

  /** What is published first comes first, so that the newest version is the last that changes what the package is. */
  async add(
    repository: string,
    entries: readonly Descriptor[],
    document: RepositoryDocument | undefined,
  ): Promise<void> {
    this.#repositories++;
    await this.#ensureNamespace(namespaceOf(repository), document?.private ?? false);
    const said = describe(repository, entries, document);
    const at = ({ digest }: Descriptor) => said.publishedAtMs.get(digest) ?? said.storedAtMs.get(digest) ?? 0;
    const done = new Set<Digest>();
    for (const entry of entries.toSorted((left, right) => at(left) - at(right)))
      await this.#manifest(said, entry, done);
    await this.#deprecate(repository, document?.deprecations ?? []);
  }

  /** Versions first: where the package is deprecated, all of them are. What is said here already stays. */
  async #deprecate(name: string, deprecations: RepositoryDocument["deprecations"]): Promise<void> {
    const { metadata, by } = this.#parts;
    if (deprecations.length === 0) return;
    const known = await metadata.package(name);
    const own = new Map(known?.versions.map((version) => [version.version, version]));
    for (const { version, ...notice } of deprecations.toReversed()) {
      const there = version === undefined ? known : own.get(version);
      if (there !== undefined && there.deprecated === undefined) await metadata.deprecate(name, version, notice, by);
    }
  }

  /** Before anything is in it: what is private is at no time public. */
  async #ensureNamespace(name: string, isPrivate: boolean): Promise<void> {
    const { namespaces, by } = this.#parts;
    try {
      await namespaces.add(name, isPrivate, undefined, by);
    } catch (error) {
      // One that was made by pushing to an open registry may have a name that nobody can be given rights to.
      const harmless = !isPrivate && isCpmError(error, "registry-server/access-invalid");
      if (!harmless && !isCpmError(error, "registry-server/account-exists")) throw error;
    }
  }

  /** After those that it lists. */
  async #manifest(said: Described, entry: Descriptor, done: Set<Digest>): Promise<void> {
    const { repository } = said;
    const { digest } = entry;
    if (done.has(digest)) return;
    done.add(digest);
    try {
      const bytes = await readManifestBytes(this.#reader, entry);
      const manifest = parseManifestBytes(bytes, entry.mediaType);
      for (const child of descriptorsOf(manifest)) {
        if (manifest.kind === "index") await this.#manifest(said, child, done);
        else await this.#blob(repository, child);
      }
      await this.#store(said, { repository, digest, bytes, manifest });
    } catch (error) {
      this.#refuse(repository, digest, error);
    }
  }

  async #store(said: Described, offered: Omit<OfferedManifest, "tags">): Promise<void> {
    const { metadata, by } = this.#parts;
    const { repository, digest } = offered;
    const tags: string[] = [];
    for (const name of said.tags.get(digest) ?? []) {
      const present = await this.#tagged(repository, name);
      if (present === undefined) tags.push(name);
      else if (present !== digest) this.#refuse(repository, name, `the tag is here and points to ${present}`);
    }
    const missing = (await metadata.missing(repository, [digest])).length > 0;
    if (!missing && tags.length === 0) return;
    const [storedAtMs, publishedAtMs] = [said.storedAtMs.get(digest), said.publishedAtMs.get(digest)];
    const times = {
      ...(storedAtMs === undefined ? {} : { storedAtMs }),
      ...(publishedAtMs === undefined ? {} : { publishedAtMs }),
    };
    await acceptManifest(this.#parts, { ...offered, tags, ...times }, by);
    this.#importedManifests++;
  }

  /** What a tag points to, or that what it points to is damaged, which is no reason to move it. */
  async #tagged(repository: string, name: string): Promise<string | undefined> {
    try {
      return (await this.#parts.metadata.manifestByTag(repository, name))?.digest;
    } catch (error) {
      if (isCpmError(error, "registry-server/content-lost")) return "what is damaged";
      throw error;
    }
  }

  async #blob(repository: string, content: Descriptor): Promise<void> {
    const { metadata, uploads, by } = this.#parts;
    const { digest } = content;
    const present = await metadata.blob(repository, digest);
    if (present?.damaged === false) return;
    // What is kept elsewhere by its nature need not be here; what must be is found missing when the manifest is stored.
    if ((await this.#reader.stat(digest)) === undefined) return;
    const home = this.#homes.get(digest);
    if (home !== undefined && (await metadata.mountBlob(home, repository, digest))) return;
    const upload = await uploads.create(repository, by.actor, digestAlgorithm(digest));
    try {
      await uploads.finish(upload, verifiedBytes(this.#reader.read(content), content), digest, undefined, (finished) =>
        metadata.finishUpload(repository, digest, finished),
      );
    } catch (error) {
      await uploads.cancel(upload).catch(() => undefined);
      throw error;
    }
    this.#homes.set(digest, repository);
    this.#copiedBlobs++;
    this.#copiedBytes += content.sizeBytes;
  }

  /** Of a layout that is at fault everything else can be taken; where the registry cannot go on, nothing can. */
  #refuse(repository: string, subject: string, why: unknown): void {
    if (typeof why !== "string" && !(isCpmError(why) && isOfLayout(why.code))) throw why;
    this.#refused.push({ repository, subject, why: typeof why === "string" ? why : `${why.message} [${why.code}]` });
  }
}

/** What is said of the layout's content, and not of the disk, the storage or the database. */
function isOfLayout(code: string): boolean {
  return (
    /^(oci|json|digest|text|bytes)\//.test(code) ||
    [
      "store/not-found",
      "store/incomplete",
      "store/digest-mismatch",
      "store/too-short",
      "store/too-long",
      "registry-server/package-invalid",
      "registry-server/version-exists",
      "registry-server/digest-invalid",
      "registry-server/too-large",
    ].includes(code)
  );
}
