import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { isCpmError } from "@cpm/base";
import { Arrival } from "./arrival.ts";
import { withFileErrors } from "./errors.ts";
import { failpoint } from "./failpoint.ts";
import { readCheckedLayer, readLayer } from "./read-layer.ts";
import type { PackedContent, TreeUnpacker, UnpackJob } from "./tree-unpacker.ts";
import { TreeWriter } from "./tree-writer.ts";

/** Unpacks in this process, and what has yet to come while it arrives: every byte is touched once. */
export class ArrivingUnpacker implements TreeUnpacker {
  async unpack(job: UnpackJob): Promise<void> {
    const writer = new TreeWriter(join(job.staging, "root"), { onFile: job.onFile });
    try {
      for (const layer of job.layers) {
        await this.#unpackLayer(layer, writer, job);
        failpoint("node/layer-unpacked");
      }
      const listing = await writer.finish();
      const path = join(job.staging, "tree.json");
      withFileErrors("write", path, () => writeFileSync(path, listing, { flag: "wx", mode: 0o444 }));
      writer.seal();
    } catch (error) {
      await writer.abandon();
      throw error;
    }
  }

  /** A blob that is here is read again; one that is not is kept and unpacked while it arrives, in one pass. */
  async #unpackLayer({ descriptor, declared }: PackedContent, writer: TreeWriter, job: UnpackJob): Promise<void> {
    const { source, blobs, signal, onProgress } = job;
    // Every file is hashed for the listing, so the whole content needs no hash of its own.
    const expected = { sizeBytes: declared.sizeBytes, entries: declared.entries };
    const ingest = await blobs.ingest(descriptor, { signal });
    if (ingest === undefined) {
      await readLayer(blobs.scan(descriptor), descriptor, expected, writer, { signal });
      return;
    }
    const arrival = new Arrival(source, ingest, descriptor, { signal, onProgress });
    try {
      await readCheckedLayer(arrival.bytes(), descriptor, expected, writer, { signal });
    } catch (error) {
      // Only the whole content tells bytes that were damaged on the way, which must not be kept, from bytes that
      // are what their digest says and no layer.
      if (isCpmError(error) && !error.code.startsWith("store/")) await arrival.finish();
      throw error;
    } finally {
      await arrival.stop();
    }
  }
}
