import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { digestHex, encodeUtf8 } from "@cpm/base";
import type { Digest } from "@cpm/base";
import { formatManifest, mediaTypes, parseManifestBytes } from "@cpm/oci";
import type { Descriptor } from "@cpm/oci";
import { digestOf } from "@cpm/store";

const imageTypes = {
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
} as const;

/** Writes an OCI image layout of one image with these bytes, compressed, as its only layer: other programs compress one that is not. */
export function writeImageLayout(folder: string, content: Uint8Array): void {
  const blobs = join(folder, "blobs/sha256");
  mkdirSync(blobs, { recursive: true });
  const put = (mediaType: string, bytes: Uint8Array): Descriptor => {
    const digest = digestOf(bytes);
    writeFileSync(join(blobs, digestHex(digest)), bytes);
    return { mediaType, digest, sizeBytes: bytes.length };
  };
  const layer = put(imageTypes.layer, gzipSync(content));
  const rootfs = { type: "layers", diff_ids: [digestOf(content)] };
  const config = put(
    imageTypes.config,
    encodeUtf8(JSON.stringify({ architecture: "amd64", os: "linux", config: {}, rootfs })),
  );
  const image = formatManifest({ kind: "manifest", mediaType: mediaTypes.manifest, config, layers: [layer] });
  const index = formatManifest({
    kind: "index",
    mediaType: mediaTypes.index,
    manifests: [put(mediaTypes.manifest, image)],
  });
  writeFileSync(join(folder, "index.json"), index);
  writeFileSync(join(folder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
}

/** What the only layer of the only image of a layout holds; throws where a digest is not right. */
export function readImageLayout(folder: string): Uint8Array {
  const index = parse(readFileSync(join(folder, "index.json")), mediaTypes.index);
  if (index.kind !== "index" || index.manifests[0] === undefined) throw new Error("the layout has no image");
  const image = parse(readBlob(folder, index.manifests[0].digest), mediaTypes.manifest);
  const layer = image.kind === "manifest" ? image.layers[0] : undefined;
  if (layer === undefined) throw new Error("the image has no layer");
  return new Uint8Array(gunzipSync(readBlob(folder, layer.digest)));
}

function parse(bytes: Uint8Array, mediaType: string) {
  return parseManifestBytes(bytes, mediaType, { maxBytes: 2 ** 20, maxDescriptors: 10 });
}

function readBlob(folder: string, digest: Digest): Uint8Array {
  const bytes = new Uint8Array(readFileSync(join(folder, "blobs/sha256", digestHex(digest))));
  if (digestOf(bytes) !== digest) throw new Error(`${digest} has other bytes`);
  return bytes;
}
