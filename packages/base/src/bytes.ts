import { baseErrors, createError } from "./errors.ts";

/** Bytes that arrive in pieces. Whoever stops early calls `return()`, as `for await` does. */
export type ByteSource = AsyncIterable<Uint8Array>;

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let sizeBytes = 0;
  for (const part of parts) sizeBytes += part.length;
  const whole = new Uint8Array(sizeBytes);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** Reads a whole source into memory; throws `bytes/too-large` at the first byte over `limitBytes`. */
export async function collectBytes(source: ByteSource, limitBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const part of source) {
    sizeBytes += part.length;
    if (sizeBytes > limitBytes) {
      throw createError(baseErrors, "bytes/too-large", `more than the ${limitBytes} bytes allowed here`, {
        context: { limitBytes },
      });
    }
    parts.push(part);
  }
  return concatBytes(parts);
}

// oxlint-disable-next-line require-yield
export async function* emptySource(): AsyncGenerator<Uint8Array> {}

export async function* sourceOf(...parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index++) if (left[index] !== right[index]) return false;
  return true;
}
