// Run by a test as a second process: tags many manifests in a directory store.
import { encodeUtf8 } from "@cpm/base";
import { emptyDescriptor, formatManifest, mediaTypes } from "@cpm/oci";
import { openDirectoryStore } from "../directory-store.ts";
import { digestOf } from "../hash.ts";

const [root = "", name = "", count = "0"] = process.argv.slice(2);
const store = openDirectoryStore(root);
const { data: _, ...config } = emptyDescriptor;
const ingest = await store.ingest(config);
await ingest?.write(encodeUtf8("{}"));
await ingest?.commit();
for (let index = 0; index < Number(count); index++) {
  const tag = `${name}${index}`;
  const bytes = formatManifest({
    kind: "manifest",
    mediaType: mediaTypes.manifest,
    config,
    layers: [],
    annotations: { tag },
  });
  await store.putManifest({ mediaType: mediaTypes.manifest, digest: digestOf(bytes), sizeBytes: bytes.length }, bytes, [
    tag,
  ]);
}
