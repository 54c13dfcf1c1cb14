/**
 * Gives memory back at once that fills a buffer of its own and that nobody will read again. The collector does not
 * feel how large a buffer is: left to it, a stream of large ones takes several times the memory that it needs.
 */
export function freeBytes(bytes: Uint8Array): void {
  if (bytes.buffer instanceof ArrayBuffer && !bytes.buffer.detached) bytes.buffer.transfer(0);
}
