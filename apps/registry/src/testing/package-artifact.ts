import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Digest } from "@cpm/base";
import { formatPackageConfig, packageMediaTypes, parseManifest } from "@cpm/model";
import type { LayerRecord, PackageConfig } from "@cpm/model";
import { mediaTypes } from "@cpm/oci";
import type { OciManifest } from "@cpm/oci";
import { digestOf, listFiles, packLayer, treeDigest } from "@cpm/store";

export interface PackageSourceFiles {
  readonly name: string;
  readonly version: string;
  readonly description?: string;
  readonly keywords?: readonly string[];
  readonly readme?: string;
  /** More of colony.yaml, as its text. */
  readonly fields?: string;
  /** Files of a payload layer, by path. */
  readonly payload?: Readonly<Record<string, string | Uint8Array>>;
  readonly platform?: string;
  /** Changes the config after it was made from the files, as a dishonest packer would. */
  readonly config?: (config: PackageConfig) => PackageConfig;
}

export interface PackageArtifact {
  readonly manifest: OciManifest;
  readonly blobs: ReadonlyMap<Digest, Uint8Array<ArrayBuffer>>;
}

/** Packs a package as `cpm pack` does, in memory but for the files that are packed. */
export async function packageArtifact(files: PackageSourceFiles): Promise<PackageArtifact> {
  const { name, version, description = "A package.", keywords = [], readme, fields = "", payload, platform } = files;
  const text = `apiVersion: cpm/v1\nname: ${name}\nversion: ${version}\ndescription: ${JSON.stringify(description)}\nkeywords: ${JSON.stringify(keywords)}\n${fields}`;
  const own = { "colony.yaml": text, ...(readme === undefined ? {} : { "README.md": readme }) };
  const layers = [
    { role: "package" as const, ...(await packFiles(own)) },
    ...(payload === undefined ? [] : [{ role: "payload" as const, ...(await packFiles(payload)) }]),
  ];
  const honest: PackageConfig = {
    manifest: parseManifest({ path: "colony.yaml", text }),
    layers: layers.map(({ role, packed }): LayerRecord => {
      const { diffId, contentBytes, entries } = packed;
      const own = role === "payload" && platform !== undefined ? { platform } : {};
      return { role, ...own, diffId, sizeBytes: contentBytes, entries };
    }),
    tree: treeDigest(layers.map(({ packed }) => packed.listing)),
  };
  const config = formatPackageConfig((files.config ?? ((same) => same))(honest));
  const manifest: OciManifest = {
    kind: "manifest",
    mediaType: mediaTypes.manifest,
    artifactType: packageMediaTypes.artifact,
    config: { mediaType: packageMediaTypes.config, digest: digestOf(config), sizeBytes: config.length },
    layers: layers.map(({ packed: { digest, sizeBytes } }) => ({
      mediaType: packageMediaTypes.layerZstd,
      digest,
      sizeBytes,
    })),
  };
  const blobs = new Map([
    [digestOf(config), config],
    ...layers.map((layer) => [layer.packed.digest, layer.bytes] as const),
  ]);
  return { manifest, blobs };
}

async function packFiles(files: Readonly<Record<string, string | Uint8Array>>) {
  const root = mkdtempSync(join(tmpdir(), "cpm-artifact-"));
  try {
    const tree = join(root, "tree");
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(tree, path)), { recursive: true });
      writeFileSync(join(tree, path), content);
    }
    const target = join(root, "layer");
    const packed = await packLayer(
      listFiles(tree, () => true),
      target,
    );
    return { packed, bytes: new Uint8Array(readFileSync(target)) };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
