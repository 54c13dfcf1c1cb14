import type { Diagnostic, ErrorEntry } from "@cpm/base";
import { modelErrors } from "./errors.ts";
import type { ModelErrorCode } from "./errors.ts";
import { locateSource } from "./source.ts";
import type { SourceFile, SourceRange } from "./source.ts";

/** Where something stands: a node, or a key with its range. */
export interface Place {
  readonly file: SourceFile;
  readonly range: SourceRange;
}

/** Faults kept of one text: each is located by counting lines from its start, so a hostile text could make them dear. */
const maxFaults = 100;

/** Collects what is wrong with a file, the first hundred faults, so that the author sees all of it at once. */
export class Faults {
  readonly #diagnostics: Diagnostic[] = [];

  get diagnostics(): readonly Diagnostic[] {
    return this.#diagnostics;
  }

  add(code: ModelErrorCode, place: Place, message: string, hint?: string): undefined {
    if (this.#diagnostics.length >= maxFaults) return undefined;
    const entry: ErrorEntry = modelErrors[code];
    this.#diagnostics.push({
      code,
      severity: "error",
      message,
      hint: hint ?? entry.hint,
      location: locateSource(place.file, place.range),
    });
    return undefined;
  }
}
