import type { TarEntry, TarSink } from "@cpm/archive";
import { defaultArchiveLimits } from "@cpm/archive";
import type { CancelSignal, Digest } from "@cpm/base";
import { canonicalJson, collectBytes, concatBytes, decodeUtf8, formatBytes } from "@cpm/base";
import type { Manifest, PackageConfig, SourceFile } from "@cpm/model";
import { formatManifest, manifestFileName, packageMediaTypes, parseManifest, parsePackageConfig } from "@cpm/model";
import type { Descriptor, OciManifest, StoreReader } from "@cpm/oci";
import { parseManifestBytes } from "@cpm/oci";
import { readLayer, readManifestBytes, verifiedBytes } from "@cpm/store";
import { operationError } from "../errors.ts";

/** One variant of a package, read and checked: everything about it but the payload's bytes. */
export interface PackageVariant {
  readonly source: StoreReader;
  /** What was asked for: the manifest, or the index over several. Its digest is the package's. */
  readonly root: Descriptor;
  readonly manifest: Manifest;
  readonly config: PackageConfig;
  readonly layers: readonly Descriptor[];
  readonly templates: readonly SourceFile[];
  readonly readme?: string;
}

const maxConfigBytes = 1024 * 1024;
const maxPackageFileBytes = 1024 * 1024;
const maxPackageLayerBytes = 64 * 1024 * 1024;

/**
 * Reads the package that a descriptor names for one platform (`os/arch`; the first that there is when none is given:
 * all tell the same but for the payload): manifest, config and the first layer, every byte checked. Throws `package/no-platform`, `package/not-a-package` and the readers' own errors.
 */
export async function readPackage(
  source: StoreReader,
  root: Descriptor,
  platform: string | undefined,
  signal?: CancelSignal,
): Promise<PackageVariant> {
  const { document, digest } = await chooseVariant(source, root, platform, signal);
  if (document.artifactType !== packageMediaTypes.artifact || document.config.mediaType !== packageMediaTypes.config) {
    throw notAPackage(digest, `it is ${document.artifactType ?? document.config.mediaType}`);
  }
  const bytes = await collectBytes(
    verifiedBytes(source.read(document.config, { signal }), document.config),
    maxConfigBytes,
  );
  const config = parsePackageConfig(bytes);
  if (config.layers.length !== document.layers.length)
    throw notAPackage(digest, "config and manifest list other layers");
  const files = await readPackageLayer(source, document, config, signal);
  const written = files.get(manifestFileName);
  if (written === undefined) throw notAPackage(digest, `it has no ${manifestFileName}`);
  const manifest = parseManifest({ path: manifestFileName, text: written });
  if (canonicalJson(formatManifest(manifest)) !== canonicalJson(formatManifest(config.manifest))) {
    throw notAPackage(digest, `${manifestFileName} and the config tell different things`);
  }
  const readme = files.get("README.md");
  const templates = [...files].filter(([path]) => /^templates\/.+\.(?:yaml|yml|json)$/.test(path));
  return {
    source,
    root,
    manifest,
    config,
    layers: document.layers,
    templates: templates.map(([path, text]) => ({ path: `${manifest.name}/${path}`, text })),
    ...(readme === undefined ? {} : { readme }),
  };
}

async function chooseVariant(
  source: StoreReader,
  root: Descriptor,
  platform: string | undefined,
  signal: CancelSignal | undefined,
): Promise<{ document: OciManifest; digest: Digest }> {
  const document = parseManifestBytes(await readManifestBytes(source, root, signal), root.mediaType);
  if (document.kind === "manifest") return { document, digest: root.digest };
  const nameOf = (entry: Descriptor): string => `${entry.platform?.os}/${entry.platform?.architecture}`;
  const chosen = document.manifests.find((entry) => platform === undefined || nameOf(entry) === platform);
  if (chosen === undefined) {
    const offered = document.manifests.map(nameOf).join(", ");
    throw operationError("package/no-platform", `the package has nothing for ${platform}`, {
      hint: `It has ${offered}.`,
    });
  }
  const variant = parseManifestBytes(await readManifestBytes(source, chosen, signal), chosen.mediaType);
  if (variant.kind === "index") throw notAPackage(chosen.digest, "it is an index within an index");
  return { document: variant, digest: chosen.digest };
}

/** The texts of the first layer: colony.yaml, README.md and templates. */
async function readPackageLayer(
  source: StoreReader,
  document: OciManifest,
  config: PackageConfig,
  signal: CancelSignal | undefined,
): Promise<ReadonlyMap<string, string>> {
  const [layer] = document.layers;
  const [declared] = config.layers;
  if (layer === undefined || declared === undefined) throw new TypeError("a config lists at least one layer");
  const collector = new TextCollector();
  const limits = { ...defaultArchiveLimits, maxTotalBytes: maxPackageLayerBytes };
  await readLayer(source.read(layer, { signal }), layer, declared, collector, { limits, signal });
  return collector.texts;
}

class TextCollector implements TarSink {
  readonly texts = new Map<string, string>();
  #parts: Uint8Array[] | undefined;

  entry(entry: TarEntry): void {
    const wanted = entry.type === "file" && /^(?:colony\.yaml|README\.md|templates\/.+)$/.test(entry.path);
    if (wanted && entry.sizeBytes > maxPackageFileBytes) {
      throw operationError("package/not-a-package", `${entry.path} has more than ${formatBytes(maxPackageFileBytes)}`);
    }
    this.#parts = wanted ? [] : undefined;
  }

  data(chunk: Uint8Array): void {
    this.#parts?.push(chunk.slice());
  }

  entryEnd(entry: TarEntry): void {
    if (this.#parts !== undefined) this.texts.set(entry.path, decodeUtf8(concatBytes(this.#parts)));
    this.#parts = undefined;
  }
}

function notAPackage(digest: Digest, why: string) {
  return operationError("package/not-a-package", `${digest} is no package: ${why}`, { context: { digest } });
}
