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
  let plain = "";
  let at = 0;
  while (at < text.length) {
    const next = text.indexOf("$", at);
    if (next === -1) break;
    plain += text.slice(at, next);
    if (text.startsWith("$${", next)) {
      plain += "${";
      at = next + 3;
    } else if (text.startsWith("${", next)) {
      if (plain !== "") pieces.push({ kind: "text", text: plain });
      plain = "";
      const end = expressionEnd(text, next + 2);
      if (end === undefined)
        return [...pieces, { kind: "unclosed", range: placeOf(scalar, text.slice(next), 0).range }];
      pieces.push(sourcePiece(scalar, text, next, end));
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

function sourcePiece(scalar: SourceScalar, text: string, start: number, end: number): LeafPiece {
  const whole = text.slice(start, end + 1);
  const occurrence = text.slice(0, start).split(whole).length - 1;
  return { kind: "source", source: whole.slice(2, -1), ...placeOf(scalar, whole, occurrence) };
}

/** Finds the expression in the file as it was written; escapes and folded lines can make that impossible. */
function placeOf(
  scalar: SourceScalar,
  whole: string,
  occurrence: number,
): { range: SourceRange; sourceStart: number | undefined } {
  const [start, end] = scalar.range;
  let found = scalar.file.text.indexOf(whole, start);
  for (let skipped = 0; skipped < occurrence && found !== -1; skipped++)
    found = scalar.file.text.indexOf(whole, found + whole.length);
  if (found === -1 || found + whole.length > end) return { range: scalar.range, sourceStart: undefined };
  return { range: [found, found + whole.length], sourceStart: found + 2 };
}

/** The index of the brace that closes an expression whose source starts at `from`; undefined when there is none. */
function expressionEnd(text: string, from: number): number | undefined {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const char = text[at];
    if (char === "{") depth++;
    else if (char === "}" && depth-- === 0) return at;
    else if (char === '"' || char === "'") {
      const close = literalEnd(text, at, /[rR]/.test(text[at - 1] ?? ""));
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
