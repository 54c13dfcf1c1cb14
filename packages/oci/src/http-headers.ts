import { invalidHeader } from "./errors.ts";

/** One challenge of `WWW-Authenticate` (RFC 9110 §11.6.1): the scheme in lower case, the parameters' names too. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const quoted = /"((?:[^"\\]|\\.)*)"/y;
const maxHeaderLength = 8192;

/** All challenges of one header value, in order. Throws `oci/invalid-header`. */
export function parseChallenges(value: string): Challenge[] {
  if (value.length > maxHeaderLength) throw invalidHeader("WWW-Authenticate", value);
  const reader = new HeaderReader(value);
  const challenges: Challenge[] = [];
  while (!reader.done()) {
    const scheme = reader.token();
    const parameters: Record<string, string> = {};
    while (reader.atParameter()) {
      const name = reader.token().toLowerCase();
      reader.symbol("=");
      parameters[name] = reader.tokenOrQuoted();
      reader.optionalSymbol(",");
    }
    reader.optionalSymbol(",");
    challenges.push({ scheme: scheme.toLowerCase(), parameters });
  }
  return challenges;
}

export function formatChallenge(scheme: string, parameters: Readonly<Record<string, string>>): string {
  const list = Object.entries(parameters).map(([name, value]) => `${name}="${value.replace(/["\\]/g, "\\$&")}"`);
  return `${scheme} ${list.join(",")}`;
}

class HeaderReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  done(): boolean {
    this.#space();
    return this.#at >= this.#text.length;
  }

  token(): string {
    this.#space();
    return this.#match(token)[0];
  }

  tokenOrQuoted(): string {
    this.#space();
    if (this.#text[this.#at] !== '"') return this.token();
    return (this.#match(quoted)[1] ?? "").replace(/\\(.)/g, "$1");
  }

  symbol(expected: string): void {
    if (!this.optionalSymbol(expected)) throw this.#fault();
  }

  optionalSymbol(expected: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== expected) return false;
    this.#at++;
    return true;
  }

  /** A parameter is a token followed by "="; a token followed by anything else begins the next challenge. */
  atParameter(): boolean {
    this.#space();
    token.lastIndex = this.#at;
    const name = token.exec(this.#text)?.[0];
    return name !== undefined && /^\s*=/.test(this.#text.slice(this.#at + name.length));
  }

  #match(pattern: RegExp): RegExpExecArray {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) throw this.#fault();
    this.#at += match[0].length;
    return match;
  }

  #space(): void {
    while (this.#text[this.#at] === " " || this.#text[this.#at] === "\t") this.#at++;
  }

  #fault() {
    return invalidHeader("WWW-Authenticate", this.#text);
  }
}

/** A span of bytes, both ends included, as HTTP writes it. */
export interface ByteSpan {
  readonly start: number;
  readonly end: number;
}

/**
 * The `Content-Range` of a chunk upload, `<start>-<end>` without unit (distribution-spec v1.1, "Pushing a blob
 * in chunks"), and the `Range` of its answers. Undefined when it does not parse.
 */
export function parseUploadRange(value: string): ByteSpan | undefined {
  const match = /^(?:bytes=|bytes )?(\d{1,15})-(\d{1,15})(?:\/(?:\d+|\*))?$/.exec(value.trim());
  if (match === null) return undefined;
  const [start, end] = [Number(match[1]), Number(match[2])];
  return end < start ? undefined : { start, end };
}

/** `Content-Range: bytes 0-99/1234` of a 206 answer (RFC 9110 §14.4). Undefined when it does not parse. */
export function parseContentRange(value: string): (ByteSpan & { readonly sizeBytes?: number }) | undefined {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(value.trim());
  if (match === null) return undefined;
  const [start, end, size] = [Number(match[1]), Number(match[2]), match[3]];
  if (end < start) return undefined;
  return size === "*" ? { start, end } : { start, end, sizeBytes: Number(size) };
}

/**
 * A single-range `Range` request header against content of `sizeBytes` (RFC 9110 §14.1.2): a span; `"unsatisfiable"`,
 * also for one that ends before it begins, as the conformance suite wants; or undefined when the header must be
 * ignored (another unit, several ranges, nonsense).
 */
export function parseRangeRequest(value: string, sizeBytes: number): ByteSpan | "unsatisfiable" | undefined {
  const match = /^bytes=(?:(\d{1,15})-(\d{0,15})|-(\d{1,15}))$/.exec(value.trim());
  if (match === null) return undefined;
  const [, first, last, suffix] = match;
  if (suffix !== undefined) {
    const length = Math.min(Number(suffix), sizeBytes);
    return length === 0 ? "unsatisfiable" : { start: sizeBytes - length, end: sizeBytes - 1 };
  }
  const start = Number(first);
  const end = last === undefined || last === "" ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1);
  return start >= sizeBytes || end < start ? "unsatisfiable" : { start, end };
}

/** The target of `Link: <target>; rel="next"` (RFC 8288); undefined when there is none. */
export function parseNextLink(value: string): string | undefined {
  for (const match of value.matchAll(/<([^>]*)>((?:\s*;\s*[^,;]+)*)/g)) {
    if (/;\s*rel="?next"?/i.test(match[2] ?? "")) return match[1];
  }
  return undefined;
}

export function formatNextLink(target: string): string {
  return `<${target}>; rel="next"`;
}
