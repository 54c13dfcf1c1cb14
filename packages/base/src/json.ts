import { baseErrors, createError } from "./errors.ts";
import type { CpmError } from "./errors.ts";
import { locate } from "./diagnostic.ts";

/**
 * A JSON value. Integers that a double cannot hold exactly are `bigint`, so a 64-bit nanosecond
 * timestamp survives a round trip; every other number is a `number`.
 */
export type JsonValue = null | boolean | number | bigint | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

export interface ParseJsonOptions {
  /** Named in errors. Default `JSON`. */
  readonly file?: string;
  /** How deep arrays and objects may nest. Default 128. */
  readonly maxDepth?: number;
  /** Refuse an object that names a key twice: two readers could be shown two values. Default true. */
  readonly uniqueKeys?: boolean;
}

/**
 * Parses RFC 8259 JSON, strictly, with exact integers. Throws `json/invalid` with line and column.
 * Objects have no prototype keys to trip over: `__proto__` is an ordinary key.
 */
export function parseJson(text: string, options: ParseJsonOptions = {}): JsonValue {
  return new JsonParser(text, options).document();
}

/** Compact JSON in insertion order; a `bigint` is written as an integer. */
export function stringifyJson(value: JsonValue, indent = 0): string {
  return write(value, indent, 0, Object.keys);
}

/**
 * Canonical JSON (RFC 8785): keys sorted by UTF-16 code units, no white space, shortest number form. An
 * integer beyond 2^53 is written with all its digits, which the RFC leaves to the application (§3.2.2.3, I-JSON).
 * Throws a `TypeError` on a non-finite number or a lone surrogate: they have no JSON form.
 */
export function canonicalJson(value: JsonValue): string {
  return write(value, 0, 0, sortedKeys);
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function sortedKeys(object: JsonObject): string[] {
  return Object.keys(object).sort();
}

function write(value: JsonValue, indent: number, depth: number, keysOf: (object: JsonObject) => string[]): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new TypeError(`${value} has no JSON form`);
    return Object.is(value, -0) ? "0" : String(value);
  }
  if (typeof value === "string") return writeString(value);
  if (Array.isArray(value)) {
    const items = value.map((item) => write(item, indent, depth + 1, keysOf));
    return enclose("[", items, "]", indent, depth);
  }
  const object = value as JsonObject;
  const colon = indent > 0 ? ": " : ":";
  const members = keysOf(object).map(
    (key) => `${writeString(key)}${colon}${write(object[key] ?? null, indent, depth + 1, keysOf)}`,
  );
  return enclose("{", members, "}", indent, depth);
}

function writeString(text: string): string {
  if (!text.isWellFormed()) throw new TypeError("a lone surrogate has no JSON form");
  return JSON.stringify(text);
}

function enclose(open: string, items: readonly string[], close: string, indent: number, depth: number): string {
  if (items.length === 0) return open + close;
  if (indent === 0) return open + items.join(",") + close;
  const pad = `\n${" ".repeat(indent * (depth + 1))}`;
  return `${open}${pad}${items.join(`,${pad}`)}\n${" ".repeat(indent * depth)}${close}`;
}

const numberPattern = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const plainPattern = /[^"\\\u0000-\u001f]*/y;
const spacePattern = /[ \t\r\n]*/y;
const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

class JsonParser {
  readonly #text: string;
  readonly #file: string;
  readonly #maxDepth: number;
  readonly #uniqueKeys: boolean;
  #at = 0;
  #depth = 0;

  constructor(text: string, options: ParseJsonOptions) {
    this.#text = text;
    this.#file = options.file ?? "JSON";
    this.#maxDepth = options.maxDepth ?? 128;
    this.#uniqueKeys = options.uniqueKeys ?? true;
  }

  document(): JsonValue {
    const value = this.#value();
    this.#space();
    if (this.#at < this.#text.length) throw this.#error("text after the end of the document");
    return value;
  }

  #value(): JsonValue {
    this.#space();
    const char = this.#text[this.#at];
    if (char === "{") return this.#nested(() => this.#object());
    if (char === "[") return this.#nested(() => this.#array());
    if (char === '"') return this.#string();
    if (char === "t") return this.#word("true", true);
    if (char === "f") return this.#word("false", false);
    if (char === "n") return this.#word("null", null);
    return this.#number();
  }

  #nested<T>(parse: () => T): T {
    if (++this.#depth > this.#maxDepth) throw this.#error(`nested deeper than ${this.#maxDepth} levels`);
    this.#at++;
    const value = parse();
    this.#depth--;
    return value;
  }

  #object(): JsonObject {
    const object: Record<string, JsonValue> = {};
    if (this.#closes("}")) return object;
    do {
      this.#space();
      const keyAt = this.#at;
      if (this.#text[this.#at] !== '"') throw this.#error("expected a key in double quotes");
      const key = this.#string();
      if (this.#uniqueKeys && Object.hasOwn(object, key))
        throw this.#error(`the key ${JSON.stringify(key)} stands twice in one object`, keyAt);
      this.#space();
      if (this.#text[this.#at] !== ":") throw this.#error('expected ":"');
      this.#at++;
      const value = this.#value();
      if (key === "__proto__")
        Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
      else object[key] = value;
    } while (this.#continues("}"));
    return object;
  }

  #array(): JsonValue[] {
    const array: JsonValue[] = [];
    if (this.#closes("]")) return array;
    do array.push(this.#value());
    while (this.#continues("]"));
    return array;
  }

  #closes(close: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== close) return false;
    this.#at++;
    return true;
  }

  #continues(close: string): boolean {
    if (this.#closes(close)) return false;
    if (this.#text[this.#at] !== ",") throw this.#error(`expected "," or "${close}"`);
    this.#at++;
    return true;
  }

  #string(): string {
    let result = "";
    this.#at++;
    for (;;) {
      plainPattern.lastIndex = this.#at;
      const plain = plainPattern.exec(this.#text)?.[0] ?? "";
      result += plain;
      this.#at += plain.length;
      const char = this.#text[this.#at];
      if (char === '"') break;
      if (char !== "\\")
        throw this.#error(
          char === undefined ? "a string without its closing quote" : "a raw control character in a string",
        );
      result += this.#escape();
    }
    this.#at++;
    return result;
  }

  #escape(): string {
    const kind = this.#text[this.#at + 1] ?? "";
    const simple = escapes[kind];
    if (simple !== undefined) {
      this.#at += 2;
      return simple;
    }
    const hex = this.#text.slice(this.#at + 2, this.#at + 6);
    if (kind !== "u" || !/^[0-9a-fA-F]{4}$/.test(hex)) throw this.#error("an unknown escape in a string");
    this.#at += 6;
    return String.fromCharCode(Number.parseInt(hex, 16));
  }

  #number(): number | bigint {
    numberPattern.lastIndex = this.#at;
    const match = numberPattern.exec(this.#text);
    if (match === null)
      throw this.#error(this.#at >= this.#text.length ? "the document ends too early" : "expected a value");
    const [text, fraction, exponent] = match;
    const value = Number(text);
    if (!Number.isFinite(value)) throw this.#error(`the number ${text.slice(0, 40)} is too large`);
    this.#at += text.length;
    return fraction === undefined && exponent === undefined && !Number.isSafeInteger(value) ? BigInt(text) : value;
  }

  #word<T extends JsonValue>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#error("expected a value");
    this.#at += word.length;
    return value;
  }

  #space(): void {
    spacePattern.lastIndex = this.#at;
    this.#at += spacePattern.exec(this.#text)?.[0].length ?? 0;
  }

  #error(message: string, at: number = this.#at): CpmError {
    const location = locate(this.#file, this.#text, Math.min(at, this.#text.length));
    return createError(baseErrors, "json/invalid", `${this.#file}:${location.line}:${location.column}: ${message}`, {
      diagnostics: [{ code: "json/invalid", severity: "error", message, location }],
    });
  }
}
