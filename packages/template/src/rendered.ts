import type { JsonObject, JsonValue } from "@cpm/base";
import type { SourceFile, SourceRange } from "@cpm/model";
import { Secret } from "@cpm/model";

/** A value of a rendered resource that knows which line of the template it came from. */
export type RenderedNode = RenderedScalar | RenderedList | RenderedMap;

interface Placed {
  readonly file: SourceFile;
  readonly range: SourceRange;
}

export interface RenderedScalar extends Placed {
  readonly kind: "scalar";
  readonly value: null | boolean | bigint | number | string | Secret;
}

export interface RenderedList extends Placed {
  readonly kind: "list";
  readonly items: readonly RenderedNode[];
}

export interface RenderedMap extends Placed {
  readonly kind: "map";
  readonly entries: readonly RenderedEntry[];
}

export interface RenderedEntry {
  readonly key: string;
  readonly keyRange: SourceRange;
  readonly value: RenderedNode;
}

/** The JSON of a rendered value with every secret in clear. Only for what is sent to the colony. */
export function revealJson(node: RenderedNode): JsonValue {
  return toJson(node, (secret) => secret.reveal());
}

/** The JSON of a rendered value for people, logs and records: a secret is `***`. */
export function redactedJson(node: RenderedNode): JsonValue {
  return toJson(node, () => "***");
}

/** Whether a secret stands anywhere in a rendered value. */
export function holdsSecret(node: RenderedNode): boolean {
  if (node.kind === "list") return node.items.some(holdsSecret);
  if (node.kind === "map") return node.entries.some((entry) => holdsSecret(entry.value));
  return node.value instanceof Secret;
}

export function findEntry(node: RenderedNode | undefined, key: string): RenderedEntry | undefined {
  return node?.kind === "map" ? node.entries.find((entry) => entry.key === key) : undefined;
}

/** The value at a key of a map; undefined when the node is not a map or has no such key. */
export function childOf(node: RenderedNode | undefined, key: string): RenderedNode | undefined {
  return findEntry(node, key)?.value;
}

export function itemsOf(node: RenderedNode | undefined): readonly RenderedNode[] {
  return node?.kind === "list" ? node.items : [];
}

/** The text of a scalar that is a string; undefined for everything else, secrets included. */
export function textOf(node: RenderedNode | undefined): string | undefined {
  return node?.kind === "scalar" && typeof node.value === "string" ? node.value : undefined;
}

/** Whether a node is a scalar of one of JavaScript's types. */
export function isKindOf(node: RenderedNode, type: "string" | "boolean" | "number" | "bigint"): boolean {
  return node.kind === "scalar" && typeof node.value === type;
}

/** The value of a whole number, also when it was written as a float without a fraction. */
export function integerOf(node: RenderedNode | undefined): bigint | undefined {
  if (node?.kind !== "scalar") return undefined;
  if (typeof node.value === "bigint") return node.value;
  return typeof node.value === "number" && Number.isSafeInteger(node.value) ? BigInt(node.value) : undefined;
}

function toJson(node: RenderedNode, secretText: (secret: Secret) => string): JsonValue {
  if (node.kind === "list") return node.items.map((item) => toJson(item, secretText));
  if (node.kind === "map") {
    const object: Record<string, JsonValue> = {};
    for (const entry of node.entries) {
      const value = toJson(entry.value, secretText);
      Object.defineProperty(object, entry.key, { value, enumerable: true, writable: true, configurable: true });
    }
    return object satisfies JsonObject;
  }
  if (node.value instanceof Secret) return secretText(node.value);
  if (typeof node.value !== "bigint") return node.value;
  return Number.isSafeInteger(Number(node.value)) ? Number(node.value) : node.value;
}
