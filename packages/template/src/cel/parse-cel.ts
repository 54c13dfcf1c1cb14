import { parse } from "@bufbuild/cel";
import type { Expr } from "@bufbuild/cel-spec/cel/expr/syntax_pb.js";
import { childrenOf } from "./instrument.ts";

export interface ParsedCel {
  readonly ast: Expr;
  /** Offsets of AST nodes into the source, by expression id. */
  readonly positions: ReadonlyMap<bigint, number>;
}

/** `package` is a reserved word of CEL, and a root here. This stands for it while it is parsed; as long, so that places hold. */
const [reserved, standIn] = ["package", "Package"];

/** String literals, comments, and the name `package` where it is not a field. */
const tokens =
  /(?:[rR][bB]?|[bB][rR])(?:"""[^]*?"""|'''[^]*?'''|"[^"\n]*"|'[^'\n]*')|"""(?:\\.|[^\\])*?"""|'''(?:\\.|[^\\])*?'''|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\/\/[^\n]*|package(?!\w)(?<!(?:[\w.]|\.\s+)package)/gs;

/** Parses CEL, in which the name `package` may be used. Throws what the library throws. */
export function parseCel(source: string): ParsedCel {
  const readable = source.replace(tokens, (token) => (token === reserved ? standIn : token));
  const { expr, sourceInfo } = parse(readable);
  const positions = new Map(Object.entries(sourceInfo?.positions ?? {}).map(([id, offset]) => [BigInt(id), offset]));
  if (readable !== source) restoreNames(expr, source, positions);
  return { ast: expr, positions };
}

/** Gives the name back where it was written; whoever wrote the stand-in itself keeps that. */
function restoreNames(root: Expr, source: string, positions: ReadonlyMap<bigint, number>): void {
  const pending: Expr[] = [root];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const kind = next.exprKind;
    const written = source.startsWith(reserved, positions.get(next.id) ?? source.length);
    if (kind.case === "identExpr" && kind.value.name === standIn && written) kind.value.name = reserved;
    pending.push(...childrenOf(next));
  }
}
