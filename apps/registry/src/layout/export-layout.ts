import type { ByteSource, Digest } from "@cpm/base";
import { isCpmError, sourceOf } from "@cpm/base";
import { annotationKeys, emptyDescriptor, formatManifest, mediaTypes } from "@cpm/oci";
import type { Descriptor } from "@cpm/oci";
import { digestOf, inParallel } from "@cpm/store";
import type { Database } from "../database/database.ts";
import { contentLost } from "../errors.ts";
import type { Metadata } from "../metadata.ts";
import type { ObjectStorage } from "../objects/object-storage.ts";
import type { LayoutTarget } from "./layout-target.ts";
import { readRepository } from "./repository-cut.ts";
import type { CutBlob, CutManifest, RepositoryCut } from "./repository-cut.ts";
import { formatRepositoryDocument, repositoryAnnotation, repositoryMediaType } from "./repository-document.ts";

export interface ExportParts {
  readonly database: Database;
  readonly metadata: Metadata;
  readonly objects: ObjectStorage;
}

export interface ExportResult {
  readonly repositories: number;
  readonly copiedContents: number;
  readonly copiedBytes: number;
  /** What is damaged; the manifests that need it are not in the layout either. */
  readonly leftOut: readonly { readonly digest: Digest; readonly repository: string; readonly why: string }[];
}

/** A blob, a manifest or a document, and how it is read. */
interface ExportedContent {
  readonly descriptor: Descriptor;
  readonly repository: string;
  readonly from: "manifest" | CutBlob | Uint8Array;
}

const repositoriesAtOnce = 1000;
/** How often a content is looked for where the database says that it is by now. */
const maxMoves = 3;

/**
 * Writes the repositories whose names are wanted as one OCI image layout, each as it was at one moment: what is pushed
 * and collected meanwhile is in it or not, and never half. Every byte is checked against its digest on the way; what
 * the layout has is not copied again. What is damaged is left out and named.
 */
export async function exportLayout(
  parts: ExportParts,
  target: LayoutTarget,
  isWanted: (repository: string) => boolean,
): Promise<ExportResult> {
  const run = new LayoutExport(parts, target);
  for (let last = ""; ;) {
    const names = await parts.metadata.repositories({ namespaces: "all", patterns: [] }, last, repositoriesAtOnce);
    for (const name of names.filter(isWanted)) await run.add(name);
    const next = names.at(-1);
    if (next === undefined) break;
    last = next;
  }
  return run.write();
}

class LayoutExport {
  readonly #parts: ExportParts;
  readonly #target: LayoutTarget;
  readonly #contents = new Map<Digest, ExportedContent>();
  readonly #manifests = new Map<Digest, readonly Digest[]>();
  readonly #entries: Descriptor[] = [];
  readonly #repositories = new Set<string>();
  readonly #missing = new Set<Digest>();
  readonly #leftOut: ExportResult["leftOut"][number][] = [];
  #copiedContents = 0;
  #copiedBytes = 0;

  constructor(parts: ExportParts, target: LayoutTarget) {
    this.#parts = parts;
    this.#target = target;
  }

  /** Notes what a repository has; nothing is copied yet. */
  async add(name: string): Promise<void> {
    const cut = await readRepository(this.#parts.database, name);
    if (cut === undefined || cut.manifests.length === 0) return;
    this.#repositories.add(name);
    for (const manifest of cut.manifests) {
      this.#content(plainOf(manifest), name, "manifest");
      this.#manifests.set(manifest.digest, manifest.contents);
    }
    for (const blob of cut.blobs) {
      const { digest, sizeBytes } = blob;
      this.#content({ mediaType: mediaTypes.octetStream, digest, sizeBytes }, name, blob);
    }
    this.#entries.push(...entriesOf(cut), this.#document(cut));
  }

  async write(): Promise<ExportResult> {
    const sorted = [...this.#contents.values()].sort((left, right) =>
      left.descriptor.digest < right.descriptor.digest ? -1 : 1,
    );
    await inParallel(sorted, this.#target.concurrency, (content) => this.#copy(content));
    const whole = this.#entries.filter(({ digest }) => this.#isWhole(digest));
    await this.#target.publish((before) => [...before.filter((entry) => !this.#replaces(entry)), ...whole]);
    return {
      repositories: this.#repositories.size,
      copiedContents: this.#copiedContents,
      copiedBytes: this.#copiedBytes,
      leftOut: this.#leftOut,
    };
  }

  #content(descriptor: Descriptor, repository: string, from: ExportedContent["from"]): void {
    if (!this.#contents.has(descriptor.digest)) this.#contents.set(descriptor.digest, { descriptor, repository, from });
  }

  /** The artifact that says what the layout itself cannot. */
  #document(cut: RepositoryCut): Descriptor {
    const { repository, private: hidden, versions, deprecations } = cut;
    const manifests = cut.manifests.map(({ digest, storedAtMs }) => ({ digest, storedAtMs }));
    const { data: config = new Uint8Array(), ...empty } = emptyDescriptor;
    const bytes = formatRepositoryDocument({ repository, private: hidden, manifests, versions, deprecations });
    const layer = { mediaType: repositoryMediaType, digest: digestOf(bytes), sizeBytes: bytes.length };
    const manifest = formatManifest({
      kind: "manifest",
      mediaType: mediaTypes.manifest,
      artifactType: repositoryMediaType,
      config: empty,
      layers: [layer],
    });
    const root = { mediaType: mediaTypes.manifest, digest: digestOf(manifest), sizeBytes: manifest.length };
    this.#content(empty, repository, config);
    this.#content(layer, repository, bytes);
    this.#content(root, repository, manifest);
    return { ...root, artifactType: repositoryMediaType, annotations: { [repositoryAnnotation]: repository } };
  }

  async #copy({ descriptor, repository, from }: ExportedContent): Promise<void> {
    const { digest } = descriptor;
    if (this.#target.has(digest)) return;
    let blob = from instanceof Uint8Array || from === "manifest" ? undefined : from;
    for (let moves = 0; ; moves++) {
      const own = blob;
      const read = (offsetBytes: number): ByteSource =>
        own !== undefined
          ? this.#blobBytes(own, offsetBytes)
          : from instanceof Uint8Array
            ? sourceOf(from.subarray(offsetBytes))
            : this.#manifestBytes(repository, digest, offsetBytes);
      try {
        await this.#target.write(descriptor, read);
        this.#copiedContents++;
        this.#copiedBytes += descriptor.sizeBytes;
        return;
      } catch (error) {
        if (!isDamage(error)) throw error;
        const { metadata } = this.#parts;
        const now = own === undefined ? undefined : await metadata.blob(repository, digest);
        // It was pushed again meanwhile, and is another object.
        if (now !== undefined && now.object !== own?.object && moves < maxMoves) {
          blob = { digest, sizeBytes: now.sizeBytes, object: now.object };
          continue;
        }
        this.#missing.add(digest);
        // What was deleted since it was noted is missed by nobody.
        const kept = now !== undefined || (own === undefined && (await this.#hasManifest(repository, digest)));
        if (kept) this.#leftOut.push({ digest, repository, why: error.message });
        return;
      }
    }
  }

  /** Damaged or not. */
  async #hasManifest(repository: string, digest: Digest): Promise<boolean> {
    try {
      return (await this.#parts.metadata.manifestByDigest(repository, digest)) !== undefined;
    } catch (error) {
      if (!isDamage(error)) throw error;
      return true;
    }
  }

  #blobBytes({ digest, sizeBytes, object }: CutBlob, startBytes: number): ByteSource {
    const { objects } = this.#parts;
    return objects.read(object ?? objects.defaultObject(digest), sizeBytes, { startBytes, endBytes: sizeBytes });
  }

  async *#manifestBytes(repository: string, digest: Digest, offsetBytes: number): ByteSource {
    const stored = await this.#parts.metadata.manifestByDigest(repository, digest);
    if (stored === undefined) throw contentLost(`${repository} has no manifest ${digest} any more`);
    yield stored.bytes.subarray(offsetBytes);
  }

  #isWhole(digest: Digest): boolean {
    if (this.#missing.has(digest)) return false;
    return (this.#manifests.get(digest) ?? []).every((content) => this.#isWhole(content));
  }

  /** Entries of a repository that is exported now are made anew. */
  #replaces(entry: Descriptor): boolean {
    const repository = entry.annotations?.[repositoryAnnotation];
    return repository !== undefined && this.#repositories.has(repository);
  }
}

/** A name for each tag, and without one what no other manifest of the repository leads to. */
function entriesOf({ repository, manifests, tags }: RepositoryCut): readonly Descriptor[] {
  const byDigest = new Map(manifests.map((manifest) => [manifest.digest, manifest]));
  const reached = new Set([...tags.map(({ digest }) => digest), ...manifests.flatMap(({ contents }) => contents)]);
  const named = tags.flatMap(({ name, digest }) => {
    const manifest = byDigest.get(digest);
    return manifest === undefined ? [] : [entryOf(manifest, repository, `${repository}:${name}`)];
  });
  const others = manifests.filter(({ digest }) => !reached.has(digest));
  return [...named, ...others.map((manifest) => entryOf(manifest, repository))];
}

function entryOf(manifest: CutManifest, repository: string, name?: string): Descriptor {
  const { artifactType } = manifest;
  return {
    ...plainOf(manifest),
    ...(artifactType === undefined ? {} : { artifactType }),
    annotations: {
      ...(name === undefined ? {} : { [annotationKeys.refName]: name }),
      [repositoryAnnotation]: repository,
    },
  };
}

function plainOf({ mediaType, digest, sizeBytes }: CutManifest): Descriptor {
  return { mediaType, digest, sizeBytes };
}

/** What says that the registry has a content no more, or others' bytes; all else is for whoever exports. */
function isDamage(error: unknown): error is Error {
  return (
    isCpmError(error, "registry-server/content-lost") ||
    isCpmError(error, "store/digest-mismatch") ||
    isCpmError(error, "store/too-short") ||
    isCpmError(error, "store/too-long")
  );
}
