import type { SourceRange, SourceScalar } from "@cpm/model";

/** A piece of a string leaf: text as it is, or the source of an expression with its place. */
export type LeafPiece =
  | { readonly kind: "text"; readonly text: string }
  | {
      readonly kind: "source";
      readonly source: string;
      readonly range: SourceRange;
      readonly sourceStart: number | undefined;
    }
  | { readonly kind: "unclosed"; readonly range: SourceRange };

/**
 * Splits a string leaf at its `${ … }`. An expression ends at the brace that closes it, braces inside CEL maps
 * and string literals not counted; `$${` stands for a literal `${`.
 */
export function splitLeaf(scalar: SourceScalar, text: string): LeafPiece[] {
  const pieces: LeafPiece[] = [];
  const finder = new Finder(scalar);
  let plain = "";
  let at = 0;
  for (let next = text.indexOf("$"); next !== -1; next = text.indexOf("$", at)) {
    plain += text.slice(at, next);
    if (text.startsWith("$${", next)) {
      plain += "${";
      finder.find("$${");
      at = next + 3;
    } else if (text.startsWith("${", next)) {
      if (plain !== "") pieces.push({ kind: "text", text: plain });
      plain = "";
      const end = expressionEnd(text, next + 2);
      if (end === undefined) return [...pieces, { kind: "unclosed", range: finder.find("${").range }];
      const whole = text.slice(next, end + 1);
      pieces.push({ kind: "source", source: whole.slice(2, -1), ...finder.find(whole) });
      at = end + 1;
    } else {
      plain += "$";
      at = next + 1;
    }
  }
  plain += text.slice(at);
  if (plain !== "" || pieces.length === 0) pieces.push({ kind: "text", text: plain });
  return pieces;
}

/**
 * Finds the pieces of a leaf, in order, in the file as it was written. Escapes and folded lines can make that
 * impossible; from there on the place is the whole leaf, so that a leaf is searched once however many pieces it has.
 */
class Finder {
  readonly #scalar: SourceScalar;
  readonly #written: string;
  #at: number | undefined = 0;

  constructor(scalar: SourceScalar) {
    this.#scalar = scalar;
    this.#written = scalar.file.text.slice(...scalar.range);
  }

  find(piece: string): { range: SourceRange; sourceStart: number | undefined } {
    const found = this.#at === undefined ? -1 : this.#written.indexOf(piece, this.#at);
    this.#at = found === -1 ? undefined : found + piece.length;
    if (found === -1) return { range: this.#scalar.range, sourceStart: undefined };
    const start = this.#scalar.range[0] + found;
    return { range: [start, start + piece.length], sourceStart: start + 2 };
  }
}

/** The index of the brace that closes an expression whose source starts at `from`; undefined when there is none. */
function expressionEnd(text: string, from: number): number | undefined {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const char = text[at];
    if (char === "{") depth++;
    else if (char === "}" && depth-- === 0) return at;
    else if (char === '"' || char === "'") {
      const close = literalEnd(text, at, at > from && /[rR]/.test(text[at - 1] ?? ""));
      if (close === undefined) return undefined;
      at = close;
    }
  }
  return undefined;
}

/** The index of the last quote of a CEL string literal (CEL specification, lexical analysis). */
function literalEnd(text: string, start: number, raw: boolean): number | undefined {
  const quote = text[start] ?? "";
  const fence = text.startsWith(quote.repeat(3), start) ? quote.repeat(3) : quote;
  for (let at = start + fence.length; at < text.length; at++) {
    if (text[at] === "\\" && !raw) at++;
    else if (text.startsWith(fence, at)) return at + fence.length - 1;
  }
  return undefined;
}
