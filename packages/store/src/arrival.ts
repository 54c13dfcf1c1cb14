import type { ByteSource, CancelSignal } from "@cpm/base";
import type { Descriptor, Store } from "@cpm/oci";
import type { FileIngest } from "./blob-directory.ts";

export interface ArrivalOptions {
  readonly onProgress: (addedBytes: number) => void;
  readonly signal: CancelSignal | undefined;
}

/**
 * Content on its way from a store into a blob directory, which somebody reads while it comes. Whoever made it ends
 * it with `finish` or `stop`.
 */
export class Arrival {
  readonly #ingest: FileIngest;
  readonly #options: ArrivalOptions;
  readonly #source: AsyncIterator<Uint8Array>;
  #state: "coming" | "whole" | "failed" = "coming";

  constructor(source: Pick<Store, "read">, ingest: FileIngest, content: Descriptor, options: ArrivalOptions) {
    this.#ingest = ingest;
    this.#options = options;
    const { offsetBytes } = ingest;
    const rest = { offsetBytes, signal: options.signal };
    this.#source = (offsetBytes < content.sizeBytes ? source.read(content, rest) : nothing())[Symbol.asyncIterator]();
    if (offsetBytes > 0) options.onProgress(offsetBytes);
  }

  /**
   * All of the content, what an earlier attempt left first. Each chunk is written before it is passed on. Ends when
   * the content is whole, checked and durable, and throws otherwise: `store/…` or what the source throws.
   */
  async *bytes(): AsyncGenerator<Uint8Array> {
    yield* this.#ingest.written();
    for (let chunk = await this.#next(); chunk !== undefined; chunk = await this.#next()) yield chunk;
    await this.finish();
  }

  /** Takes what is still to come, without a reader. Throws like `bytes`; once that has thrown, does nothing. */
  async finish(): Promise<void> {
    if (this.#state !== "coming") return;
    while ((await this.#next()) !== undefined);
    this.#state = "failed";
    await this.#ingest.commit();
    this.#state = "whole";
  }

  /** Keeps what has come for the next attempt. After `finish` it does nothing. */
  async stop(): Promise<void> {
    if (this.#state === "whole") return;
    this.#state = "failed";
    await this.#ingest.suspend();
    await this.#source.return?.();
  }

  async #next(): Promise<Uint8Array | undefined> {
    try {
      this.#options.signal?.throwIfAborted();
      const { done, value } = await this.#source.next();
      if (done === true) return undefined;
      await this.#ingest.write(value);
      this.#options.onProgress(value.length);
      return value;
    } catch (error) {
      this.#state = "failed";
      throw error;
    }
  }
}

async function* nothing(): ByteSource & AsyncGenerator<Uint8Array> {}
