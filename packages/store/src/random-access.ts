import { statSync } from "node:fs";
import type { ByteSource } from "@cpm/base";
import { withFileErrors } from "./errors.ts";
import { readFileBytes } from "./files.ts";

/** Bytes that can be read from any offset: a file, or several that are one when they are put in a row. */
export interface RandomAccess {
  /** How it is named in errors: its path, or that of what the parts are parts of. */
  readonly path: string;
  readonly sizeBytes: number;
  /** At most `lengthBytes` from `offsetBytes` on; fewer when it ends before. */
  read(offsetBytes: number, lengthBytes: number): ByteSource;
  /** The files that hold a span, for errors that name what is damaged. */
  filesOf(offsetBytes: number, lengthBytes: number): readonly string[];
}

export function openFileAccess(path: string): RandomAccess {
  const { size } = withFileErrors("read", path, () => statSync(path));
  return {
    path,
    sizeBytes: size,
    read: (offsetBytes, lengthBytes) => readFileBytes(path, offsetBytes, lengthBytes),
    filesOf: () => [path],
  };
}

/** A span of a file that is a piece of something larger. */
export interface FileSpan {
  readonly path: string;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

/** The spans in the order in which they follow one another. */
export function openSpans(path: string, spans: readonly FileSpan[]): RandomAccess {
  const sizeBytes = spans.reduce((sum, span) => sum + span.sizeBytes, 0);
  return {
    path,
    sizeBytes,
    async *read(offsetBytes, lengthBytes) {
      for (const { span, from, to } of overlaps(spans, offsetBytes, lengthBytes))
        yield* readFileBytes(span.path, span.offsetBytes + from, to - from);
    },
    filesOf: (offsetBytes, lengthBytes) => [...overlaps(spans, offsetBytes, lengthBytes)].map(({ span }) => span.path),
  };
}

function* overlaps(
  spans: readonly FileSpan[],
  offsetBytes: number,
  lengthBytes: number,
): Generator<{ readonly span: FileSpan; readonly from: number; readonly to: number }> {
  let start = 0;
  const end = offsetBytes + lengthBytes;
  for (const span of spans) {
    const from = Math.max(0, offsetBytes - start);
    const to = Math.min(span.sizeBytes, end - start);
    if (from < to) yield { span, from, to };
    start += span.sizeBytes;
  }
}
