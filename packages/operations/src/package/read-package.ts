import type { TarEntry, TarSink } from "@cpm/archive";
import { defaultArchiveLimits } from "@cpm/archive";
import type { CancelSignal } from "@cpm/base";
import { canonicalJson, concatBytes, decodeUtf8, formatBytes } from "@cpm/base";
import type { SourceFile } from "@cpm/model";
import { formatManifest, manifestFileName, parseManifest } from "@cpm/model";
import type { Descriptor, StoreReader } from "@cpm/oci";
import { readLayer } from "@cpm/store";
import { operationError } from "../errors.ts";
import { notAPackage, readPackageContents } from "./read-contents.ts";
import type { PackageContents } from "./read-contents.ts";

/** One variant of a package, read and checked: everything about it but the payload's bytes. */
export interface PackageVariant extends PackageContents {
  readonly templates: readonly SourceFile[];
  readonly readme?: string;
}

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
  const contents = await readPackageContents(source, root, platform, signal);
  const { digest, config } = contents;
  const files = await readPackageLayer(contents, signal);
  const written = files.get(manifestFileName);
  if (written === undefined) throw notAPackage(digest, `it has no ${manifestFileName}`);
  const manifest = parseManifest({ path: manifestFileName, text: written });
  if (canonicalJson(formatManifest(manifest)) !== canonicalJson(formatManifest(config.manifest))) {
    throw notAPackage(digest, `${manifestFileName} and the config tell different things`);
  }
  const readme = files.get("README.md");
  const templates = [...files].filter(([path]) => /^templates\/.+\.(?:yaml|yml|json)$/.test(path));
  return {
    ...contents,
    manifest,
    templates: templates.map(([path, text]) => ({ path: `${manifest.name}/${path}`, text })),
    ...(readme === undefined ? {} : { readme }),
  };
}

/** The texts of the first layer: colony.yaml, README.md and templates. */
async function readPackageLayer(
  { source, layers, config }: PackageContents,
  signal: CancelSignal | undefined,
): Promise<ReadonlyMap<string, string>> {
  const [layer] = layers;
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
