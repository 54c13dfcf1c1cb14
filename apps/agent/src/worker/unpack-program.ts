import { fstatSync, openSync } from "node:fs";
import type { Descriptor } from "@cpm/oci";
import type { TarEntry } from "@cpm/archive";
import { failpoint, readLayer, readOpenFile, TreeWriter } from "@cpm/store";
import type { DeclaredLayer, LayerSink } from "@cpm/store";
import { firstFile } from "../isolation/confine.ts";
import { createReporter } from "./messages.ts";
import { runConfinedProgram } from "./program.ts";

/** Layers to unpack into a directory. Where a launcher runs, it has opened their blobs, in this order. */
export interface UnpackRequest {
  readonly root: string;
  readonly layers: readonly {
    readonly blob: string;
    readonly descriptor: Descriptor;
    readonly declared: DeclaredLayer;
  }[];
}

/** The worker: the one program that reads archives. It writes files into one directory and can do nothing else. */
export function unpackProgram(): Promise<number> {
  return runConfinedProgram({ finishTree: false }, async (request) => {
    const { root, layers } = request as UnpackRequest;
    failpoint("worker/request-read");
    const writer = new TreeWriter(root, { listing: false });
    const sink = new ReportingSink(writer);
    for (const [index, { blob, descriptor, declared }] of layers.entries()) {
      const file = process.platform === "linux" ? firstFile + index : openSync(blob, "r");
      const bytes = readOpenFile(file, fstatSync(file).size, descriptor.digest);
      await readLayer(toAsync(bytes), descriptor, declared, sink);
      failpoint("worker/layer-unpacked");
    }
    await writer.finish();
    failpoint("worker/tree-written");
  });
}

/** Tells of the work while one large file is written too. */
class ReportingSink implements LayerSink {
  readonly #writer: TreeWriter;
  readonly #report = createReporter();

  constructor(writer: TreeWriter) {
    this.#writer = writer;
  }

  entry(entry: TarEntry): void {
    this.#writer.entry(entry);
    this.#report(entryBytes);
    failpoint("worker/entry");
  }

  data(chunk: Uint8Array): void {
    this.#writer.data(chunk);
    this.#report(chunk.length);
  }

  entryEnd(entry: TarEntry): void {
    this.#writer.entryEnd(entry);
  }

  settled(): Promise<void> | undefined {
    return this.#writer.settled();
  }
}

/** What an entry costs the disk besides its content. */
const entryBytes = 4096;

async function* toAsync(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* chunks;
}
