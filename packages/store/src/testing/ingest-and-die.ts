// Run by a test as a process that is killed at a failpoint while it writes a blob.
import { encodeUtf8 } from "@cpm/base";
import { openDirectoryStore } from "../directory-store.ts";
import { digestOf } from "../hash.ts";

const bytes = encodeUtf8("0123456789");
const store = openDirectoryStore(process.argv[2] ?? "");
const ingest = await store.ingest({
  mediaType: "application/octet-stream",
  digest: digestOf(bytes),
  sizeBytes: bytes.length,
});
if (ingest !== undefined && ingest.offsetBytes < bytes.length) await ingest.write(bytes.subarray(ingest.offsetBytes));
await ingest?.commit();
