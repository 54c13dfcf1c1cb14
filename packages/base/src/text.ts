import { baseErrors, createError } from "./errors.ts";

// These three are pure functions of the language's host, but the ES library does not declare them and
// declaring them globally would clash with the DOM's types in the adapters that import this file.
interface HostCodecs {
  TextEncoder: new () => { encode(text: string): Uint8Array<ArrayBuffer> };
  TextDecoder: new (
    label: string,
    options: { fatal: boolean; ignoreBOM: boolean },
  ) => { decode(bytes: Uint8Array): string };
}
const host = globalThis as unknown as HostCodecs;
const encoder = new host.TextEncoder();
const decoder = new host.TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** Throws `text/invalid-utf8`: nothing is ever replaced by U+FFFD. A byte order mark is kept as it is. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw createError(baseErrors, "text/invalid-utf8", "the bytes are not valid UTF-8", { cause });
  }
}

/**
 * A name from outside, safe to print: control characters, bidi overrides and lone surrogates are shown
 * as `\u{…}`, and what is longer than `maxLength` UTF-16 units is cut with an ellipsis.
 */
export function printable(text: string, maxLength = 200): string {
  const cut = text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
  return cut.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${char.codePointAt(0)?.toString(16) ?? ""}}`);
}
