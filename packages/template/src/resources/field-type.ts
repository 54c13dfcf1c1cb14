/** The shape of a ColonyOS object, as its Go structs read it (`facts`: names and types are the wire's own). */
export type FieldType =
  | { readonly type: "string" | "int" | "number" | "bool" | "any" }
  | { readonly type: "list"; readonly items: FieldType }
  | MapType
  | ObjectType
  /** A string on the wire that holds JSON of another shape; authors may write the object itself. */
  | { readonly type: "embedded"; readonly of: FieldType };

export interface MapType {
  readonly type: "map";
  readonly values: FieldType;
  /** Whether secrets may stand in it, at any depth. Nowhere else may they. */
  readonly secrets: boolean;
}

export interface ObjectType {
  readonly type: "object";
  /** For messages: "a function spec". */
  readonly label: string;
  readonly fields: Readonly<Record<string, FieldType>>;
  readonly required: readonly string[];
}

export const field: Readonly<Record<"string" | "int" | "number" | "bool" | "any", FieldType>> = {
  string: { type: "string" },
  int: { type: "int" },
  number: { type: "number" },
  bool: { type: "bool" },
  any: { type: "any" },
};

export function listField(items: FieldType): FieldType {
  return { type: "list", items };
}

export function mapField(values: FieldType): FieldType {
  return { type: "map", values, secrets: false };
}

/** A map that only the executor reads. */
export function secretsField(values: FieldType): FieldType {
  return { type: "map", values, secrets: true };
}

/** Whether a secret may stand below a type, knowing whether it may stand where the type stands. */
export function allowsSecrets(type: FieldType, outside: boolean): boolean {
  return outside || (type.type === "map" && type.secrets);
}

export function objectField(
  label: string,
  fields: Readonly<Record<string, FieldType>>,
  required: readonly string[] = [],
): ObjectType {
  return { type: "object", label, fields, required };
}

/** The type that stands at a path below a type; `any` where nothing is known. List items are written `[]`. */
export function fieldAt(root: FieldType, path: readonly string[]): FieldType {
  let type = root;
  for (const step of path) {
    if (type.type === "embedded") type = type.of;
    if (type.type === "list" && step === "[]") type = type.items;
    else if (type.type === "map") type = type.values;
    else if (type.type === "object")
      type = (Object.hasOwn(type.fields, step) ? type.fields[step] : undefined) ?? field.any;
    else return field.any;
  }
  return type;
}

/** As people read it in a message. */
export function formatFieldType(type: FieldType): string {
  if (type.type === "object") return type.label;
  if (type.type === "list") return `a list of ${plural(type.items)}`;
  if (type.type === "map") return `a map of ${plural(type.values)}`;
  if (type.type === "embedded") return formatFieldType(type.of);
  return { string: "a string", int: "a whole number", number: "a number", bool: "true or false", any: "anything" }[
    type.type
  ];
}

function plural(type: FieldType): string {
  if (type.type === "any") return "any values";
  if (type.type === "string") return "strings";
  return type.type === "int" || type.type === "number" ? "numbers" : `${type.type}s`;
}
