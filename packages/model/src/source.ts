import { locate } from "@cpm/base";
import type { SourceLocation } from "@cpm/base";

/** A text that a person wrote, under the name by which they know it. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** Offsets into the file's text, in UTF-16 code units, end exclusive. */
export type SourceRange = readonly [start: number, end: number];

/** A parsed value that still knows where it stands. Integers are `bigint` (64 bits and more), floats are `number`. */
export type SourceNode = SourceScalar | SourceList | SourceMap;

export interface SourceScalar {
  readonly kind: "scalar";
  readonly value: null | boolean | bigint | number | string;
  readonly file: SourceFile;
  readonly range: SourceRange;
}

export interface SourceList {
  readonly kind: "list";
  readonly items: readonly SourceNode[];
  readonly file: SourceFile;
  readonly range: SourceRange;
}

export interface SourceMap {
  readonly kind: "map";
  /** In the order of the file; keys are unique. */
  readonly entries: readonly SourceEntry[];
  readonly file: SourceFile;
  readonly range: SourceRange;
}

export interface SourceEntry {
  readonly key: string;
  readonly keyRange: SourceRange;
  readonly value: SourceNode;
}

/** Where a node, or a part of its file, stands; for a caret line. */
export function locateSource(file: SourceFile, range: SourceRange): SourceLocation {
  return locate(file.path, file.text, range[0], range[1] - range[0]);
}
