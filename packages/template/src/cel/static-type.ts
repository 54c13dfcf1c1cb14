/** What is known of a value before it is evaluated. `dyn` is anything. */
export type StaticType =
  | { readonly kind: "int" | "double" | "bool" | "string" | "null" | "dyn" | "opaque" }
  /** A secret input: it may be handed on whole and asked for by `has`, nothing else. */
  | { readonly kind: "secret"; readonly name: string }
  | { readonly kind: "list"; readonly element: StaticType }
  | { readonly kind: "map"; readonly value: StaticType }
  /** A map whose keys are known, such as `inputs`. */
  | { readonly kind: "record"; readonly label: string; readonly fields: ReadonlyMap<string, StaticType> };

export const types: Readonly<Record<"int" | "double" | "bool" | "string" | "null" | "dyn" | "opaque", StaticType>> = {
  int: { kind: "int" },
  double: { kind: "double" },
  bool: { kind: "bool" },
  string: { kind: "string" },
  null: { kind: "null" },
  dyn: { kind: "dyn" },
  opaque: { kind: "opaque" },
};

export function listOf(element: StaticType): StaticType {
  return { kind: "list", element };
}

export function mapOf(value: StaticType): StaticType {
  return { kind: "map", value };
}

export function recordOf(label: string, fields: Iterable<readonly [string, StaticType]>): StaticType {
  return { kind: "record", label, fields: new Map(fields) };
}

/** The type of a value that is one or the other. */
export function joinTypes(left: StaticType, right: StaticType): StaticType {
  if (left.kind === "list" && right.kind === "list") return listOf(joinTypes(left.element, right.element));
  if (left.kind === "map" && right.kind === "map") return mapOf(joinTypes(left.value, right.value));
  return left.kind === right.kind && left.kind !== "record" ? left : types.dyn;
}

/** As people read it in a message. */
export function formatType(type: StaticType): string {
  if (type.kind === "list") return type.element.kind === "dyn" ? "list" : `list of ${formatType(type.element)}`;
  if (type.kind === "map" || type.kind === "record") return "map";
  if (type.kind === "opaque") return "timestamp, duration, bytes or type";
  return type.kind;
}
