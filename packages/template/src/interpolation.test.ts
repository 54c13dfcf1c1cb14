import { describe, expect, test } from "bun:test";
import { parseSource } from "@cpm/model";
import type { LeafPiece } from "./interpolation.ts";
import { splitLeaf } from "./interpolation.ts";

/** The pieces of the one scalar of a text; with `@line-offset` where a source is found. */
function pieces(text: string): string[] {
  const [node] = parseSource({ path: "t.yaml", text });
  if (node?.kind !== "scalar" || typeof node.value !== "string") throw new Error("not a text");
  return splitLeaf(node, node.value).map(describePiece);
}

function describePiece(piece: LeafPiece): string {
  if (piece.kind === "text") return piece.text;
  return piece.kind === "source" ? `<${piece.source}>@${piece.sourceStart ?? "?"}` : `unclosed@${piece.range[0]}`;
}

describe("a string leaf", () => {
  test.each<[string, string[]]>([
    ["plain", ["plain"]],
    ['""', [""]],
    ["${a}", ["<a>@2"]],
    ["x ${a} y", ["x ", "<a>@4", " y"]],
    ["${a}${b}", ["<a>@2", "<b>@6"]],
    ["costs $5 and $x", ["costs $5 and $x"]],
    ["$", ["$"]],
    ["a$${b}", ["a${b}"]],
    ["$${a} ${a}", ["${a} ", "<a>@8"]],
    ["$$${a}", ["$${a}"]],
    // The brace that closes it, not the first one.
    ["|\n  ${{'a': {'b': 1}}}\n", ["<{'a': {'b': 1}}>@6", "\n"]],
    ["'${\"}\" + ''}''}'", ["<\"}\" + '}'>@?"]],
    ["${'\\''}}", ["<'\\''>@2", "}"]],
    ["${r'\\'}", ["<r'\\'>@2"]],
    ["|\n  ${'''}'''}\n", ["<'''}'''>@6", "\n"]],
    ["${a", ["unclosed@0"]],
    ["x ${'}", ["x ", "unclosed@2"]],
    ["${a} ${b", ["<a>@2", " ", "unclosed@5"]],
    // The same expression twice, and places that escapes hide.
    ["${a} ${a}", ["<a>@2", " ", "<a>@7"]],
    ['"\\x24{a} ${b}"', ["<a>@?", " ", "<b>@?"]],
    ['"${a} \\n ${b}"', ["<a>@3", " \n ", "<b>@11"]],
  ])("%j has the pieces %j", (text, expected) => {
    expect(pieces(text)).toEqual(expected);
  });

  test("a leaf with very many expressions is searched once, not once for each", () => {
    const found = pieces(`"${"${a}".repeat(50_000)}"`);
    expect(found).toHaveLength(50_000);
    expect(found.at(-1)).toBe("<a>@199999");
  });
});
