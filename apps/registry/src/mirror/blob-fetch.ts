import type { ByteSource } from "@cpm/base";
import type { Descriptor } from "@cpm/oci";
import { upstreamFailed } from "../errors.ts";
import type { ByteRange } from "../objects/object-storage.ts";
import { Spool } from "./spool.ts";

/** A blob that is slower than this has an upstream that means no good. */
const slowestBytesPerMs = 16;
const leastTimeMs = 60_000;

export interface BlobFetchParts {
  readonly content: Descriptor;
  /** Where the bytes are kept until the storage has them; a file that is not there. */
  readonly path: string;
  readonly host: string;
  /** All of its bytes. The last of them come only when all are what the digest says. */
  readonly fetch: (signal: AbortSignal) => ByteSource;
  /** Takes them into the cache. */
  readonly keep: (bytes: ByteSource) => Promise<void>;
  readonly onBytes: (count: number) => void;
}

/**
 * One blob on its way from an upstream. Everybody who wants it reads along, and gets the last bytes only when all
 * have been found to be what the digest says. It goes on when those who asked have left: they may come back for the rest.
 */
export class BlobFetch {
  readonly #parts: BlobFetchParts;
  readonly #spool: Spool;

  constructor(parts: BlobFetchParts) {
    this.#parts = parts;
    this.#spool = new Spool(parts.path);
  }

  get arrivedBytes(): number {
    return this.#spool.arrivedBytes;
  }

  /** Must be begun before the fetch is over. */
  read(range: ByteRange): ByteSource {
    return this.#spool.read(range);
  }

  /** Fetches and keeps it, until `stop`. Its readers are told when it cannot be fetched; when it cannot be kept, this throws. */
  async run(stop: AbortSignal): Promise<void> {
    const { content, fetch, keep, host, onBytes } = this.#parts;
    const timeMs = leastTimeMs + content.sizeBytes / slowestBytesPerMs;
    const late = AbortSignal.timeout(timeMs);
    try {
      for await (const chunk of fetch(AbortSignal.any([stop, late]))) {
        onBytes(chunk.length);
        this.#spool.write(chunk);
      }
      this.#spool.end();
    } catch (thrown) {
      this.#spool.fail(late.aborted ? upstreamFailed(host, `${content.digest} took more than ${timeMs} ms`) : thrown);
      return;
    }
    await keep(this.#spool.read({ startBytes: 0, endBytes: content.sizeBytes }));
  }

  /** Nobody begins to read it any more. */
  release(): void {
    this.#spool.release();
  }
}
