import { encodeTarHeader, compareTarPaths, tarEndBytes, tarPaddingBytes } from "@cpm/archive";
import type { TarEntry } from "@cpm/archive";
import type { ByteSource, CancelSignal } from "@cpm/base";

/** A file of a container that is written while its bytes arrive. */
export interface StreamedFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** Exactly `sizeBytes` bytes, checked; asked for once. */
  read(): ByteSource;
}

/** Where a container is written to. */
export interface ByteSink {
  write(chunk: Uint8Array): void;
}

/** The size of what `writeContainer` writes: known before a byte of a content is read. */
export function containerBytes(files: readonly StreamedFile[]): number {
  const sizes = ordered(files).map(
    ({ entry }) => encodeTarHeader(entry).length + entry.sizeBytes + tarPaddingBytes(entry.sizeBytes),
  );
  return sizes.reduce((sum, size) => sum + size, tarEndBytes);
}

/**
 * Writes files as an uncompressed tar in the one canonical form, with the directories that lead to them: the same files
 * give the same bytes in any order. Contents stream; nothing of them is held.
 */
export async function writeContainer(
  files: readonly StreamedFile[],
  sink: ByteSink,
  signal?: CancelSignal,
): Promise<void> {
  const writer = new ContainerWriter(sink);
  for (const { entry, file } of ordered(files)) {
    if (file === undefined) writer.directory(entry.path);
    else await writer.file(file, signal);
  }
  writer.end();
}

/** Writes a container entry by entry, which is for who does not know all of them before: they come in canonical order. */
export class ContainerWriter {
  readonly #sink: ByteSink;
  #last: string | undefined;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  directory(path: string): void {
    this.#begin({ path, type: "directory", ...plain, sizeBytes: 0 });
  }

  /** Nothing is written of a file whose reading fails before its first byte: what throws then can be left out. */
  async file(file: StreamedFile, signal?: CancelSignal): Promise<void> {
    const { path, sizeBytes } = file;
    signal?.throwIfAborted();
    let begun = false;
    const begin = (): void => {
      if (!begun) this.#begin({ path, type: "file", ...plain, sizeBytes });
      begun = true;
    };
    for await (const chunk of file.read()) {
      signal?.throwIfAborted();
      begin();
      this.#sink.write(chunk);
    }
    begin();
    this.#sink.write(new Uint8Array(tarPaddingBytes(sizeBytes)));
  }

  end(): void {
    this.#sink.write(new Uint8Array(tarEndBytes));
  }

  #begin(entry: TarEntry): void {
    if (this.#last !== undefined && compareTarPaths(this.#last, entry.path) >= 0)
      throw new TypeError(`${entry.path} does not come after ${this.#last}`);
    this.#last = entry.path;
    this.#sink.write(encodeTarHeader(entry));
  }
}

interface OrderedFile {
  readonly entry: TarEntry;
  /** Absent for a directory. */
  readonly file?: StreamedFile;
}

function ordered(files: readonly StreamedFile[]): readonly OrderedFile[] {
  const directories = new Set(files.flatMap(({ path }) => parentsOf(path)));
  const all: OrderedFile[] = [
    ...[...directories].map((path): OrderedFile => ({ entry: { path, type: "directory", ...plain, sizeBytes: 0 } })),
    ...files.map((file): OrderedFile => {
      const { path, sizeBytes } = file;
      return { entry: { path, type: "file", ...plain, sizeBytes }, file };
    }),
  ];
  return all.sort((left, right) => compareTarPaths(left.entry.path, right.entry.path));
}

const plain = { executable: false } as const;

function parentsOf(path: string): readonly string[] {
  const parts = path.split("/");
  return parts.slice(1).map((_part, index) => parts.slice(0, index + 1).join("/"));
}
