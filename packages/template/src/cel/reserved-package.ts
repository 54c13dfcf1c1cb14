import type { Expr } from "@bufbuild/cel-spec/cel/expr/syntax_pb.js";
import { childrenOf } from "./instrument.ts";

/**
 * `package` is reserved in CEL (language definition, "Syntax"), and it is what a template's own package is called.
 * So it is parsed under a name of the same length, which keeps every offset, and gets its own back in the tree.
 */
const standIn = "_pkg_in";

/** A raw string, a string, a comment, a field after its dot, or a word: only the last can be the reserved one. */
const token = new RegExp(
  [
    /(?:[bB]?[rR][bB]?)(?:"""[^]*?"""|'''[^]*?'''|"[^"\n]*"|'[^'\n]*')/,
    /"""(?:\\[^]|[^\\])*?"""|'''(?:\\[^]|[^\\])*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/,
    /\/\/[^\n]*/,
    /\.\s*[A-Za-z_]\w*/,
    /[A-Za-z_]\w*/,
  ]
    .map((part) => part.source)
    .join("|"),
  "g",
);

/** The text that the parser is given. Strings, comments and fields called `package` stay as they are. */
export function hidePackage(source: string): string {
  return source.replace(token, (found) => (found === "package" ? standIn : found));
}

/** Gives the identifiers and loop variables that `hidePackage` renamed their name back. */
export function restorePackage(expr: Expr): void {
  const pending: Expr[] = [expr];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const kind = next.exprKind;
    if (kind.case === "identExpr") kind.value.name = restored(kind.value.name);
    if (kind.case === "comprehensionExpr") {
      kind.value.iterVar = restored(kind.value.iterVar);
      kind.value.iterVar2 = restored(kind.value.iterVar2);
    }
    pending.push(...childrenOf(next));
  }
}

function restored(name: string): string {
  return name === standIn ? "package" : name;
}
