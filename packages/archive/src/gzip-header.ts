import { archiveError } from "./errors.ts";

/** Bytes of the only gzip header that is read. */
export const gzipHeaderBytes = 10;

/**
 * Checks the header of a gzip member (RFC 1952 §2.3): deflate, and none of the optional fields, which no
 * reader agrees on how much of to keep. Throws `gzip/header`.
 */
export function checkGzipHeader(bytes: Uint8Array): void {
  if (bytes.length < gzipHeaderBytes || bytes[0] !== 0x1f || bytes[1] !== 0x8b)
    throw archiveError("gzip/header", "the bytes are not gzip");
  if (bytes[2] !== 8) throw archiveError("gzip/header", `compression method ${bytes[2]} is not deflate`);
  if (bytes[3] !== 0) throw archiveError("gzip/header", "the header has optional fields");
}
