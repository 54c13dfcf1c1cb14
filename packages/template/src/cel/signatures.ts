import type { StaticType } from "./static-type.ts";
import { joinTypes, listOf, types } from "./static-type.ts";

/** What a function gives for what it takes; `receiver` is the value before the dot, where there is one. */
type Signature = (args: readonly StaticType[], receiver: StaticType | undefined) => StaticType;

const always =
  (type: StaticType): Signature =>
  () =>
    type;

/** Arithmetic of one kind with itself; CEL never mixes kinds. */
const arithmetic: Signature = ([left = types.dyn, right = types.dyn]) => {
  if (left.kind === "int" && right.kind === "int") return types.int;
  if (left.kind === "double" && right.kind === "double") return types.double;
  return left.kind === "list" && right.kind === "list" ? listOf(joinElements(left.element, right.element)) : types.dyn;
};

const addition: Signature = (args, receiver) => {
  const [left, right] = args;
  return left?.kind === "string" && right?.kind === "string" ? types.string : arithmetic(args, receiver);
};

/** The kinds that an operator takes on both sides; a mismatch is certain to fail. */
export const operatorKinds: Readonly<
  Record<string, { readonly symbol: string; readonly kinds: readonly StaticType["kind"][] }>
> = {
  "_+_": { symbol: "+", kinds: ["int", "double", "string", "list", "opaque"] },
  "_-_": { symbol: "-", kinds: ["int", "double", "opaque"] },
  "_*_": { symbol: "*", kinds: ["int", "double"] },
  "_/_": { symbol: "/", kinds: ["int", "double"] },
  "_%_": { symbol: "%", kinds: ["int"] },
};

const signatures: Readonly<Record<string, Signature>> = {
  "_+_": addition,
  "_-_": arithmetic,
  "_*_": arithmetic,
  "_/_": arithmetic,
  "_%_": arithmetic,
  "-_": ([value = types.dyn]) => value,
  "!_": always(types.bool),
  "_&&_": always(types.bool),
  "_||_": always(types.bool),
  "_==_": always(types.bool),
  "_!=_": always(types.bool),
  "_<_": always(types.bool),
  "_<=_": always(types.bool),
  "_>_": always(types.bool),
  "_>=_": always(types.bool),
  "_[_]": always(types.dyn),
  "@in": always(types.bool),
  "@not_strictly_false": always(types.bool),
  "_?_:_": ([, yes = types.dyn, no = types.dyn]) => joinTypes(yes, no),
  size: always(types.int),
  int: always(types.int),
  double: always(types.double),
  string: always(types.string),
  bool: always(types.bool),
  dyn: always(types.dyn),
  uint: always(types.opaque),
  bytes: always(types.opaque),
  type: always(types.opaque),
  matches: always(types.bool),
  startsWith: always(types.bool),
  endsWith: always(types.bool),
  contains: always(types.bool),
  charAt: always(types.string),
  indexOf: always(types.int),
  lastIndexOf: always(types.int),
  lowerAscii: always(types.string),
  upperAscii: always(types.string),
  replace: always(types.string),
  split: always(listOf(types.string)),
  substring: always(types.string),
  trim: always(types.string),
  join: always(types.string),
  range: always(listOf(types.int)),
  sortedKeys: always(listOf(types.string)),
};

/** The functions and methods that a person may call by name, beside operators and macros. */
export const functionNames: readonly string[] = Object.keys(signatures).filter((name) => /^[a-z]/.test(name));

/** The macros of CEL, which the parser expands. */
export const macroNames: readonly string[] = ["has", "all", "exists", "exists_one", "map", "filter"];

/** Whether an expression may call this: a function, a method or an operator by its name in the AST. */
export function isFunction(name: string): boolean {
  return Object.hasOwn(signatures, name);
}

/** What a call gives; `dyn` for what is not known. */
export function resultType(name: string, args: readonly StaticType[], receiver: StaticType | undefined): StaticType {
  const signature = isFunction(name) ? signatures[name] : undefined;
  return signature?.(args, receiver) ?? types.dyn;
}

/** An empty list literal has elements of no type yet, written `dyn`: the other side decides. */
function joinElements(left: StaticType, right: StaticType): StaticType {
  return left.kind === "dyn" ? right : joinTypes(left, right);
}
