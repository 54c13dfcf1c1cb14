/** Bytes of one stream into lines, without their ends. A line over the limit comes in several pieces. */
export class LineSplitter {
  readonly #decoder = new TextDecoder();
  readonly #maxLineBytes: number;
  readonly #onLine: (line: string) => void;
  #rest = "";

  constructor(maxLineBytes: number, onLine: (line: string) => void) {
    this.#maxLineBytes = maxLineBytes;
    this.#onLine = onLine;
  }

  write(bytes: Uint8Array): void {
    this.#take(this.#decoder.decode(bytes, { stream: true }));
  }

  /** Whatever is left is a line too. */
  end(): void {
    this.#take(this.#decoder.decode());
    if (this.#rest !== "") this.#emit(this.#rest);
    this.#rest = "";
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#emit(line.endsWith("\r") ? line.slice(0, -1) : line);
    // A UTF-16 unit is at most three bytes of UTF-8.
    const maxUnits = Math.floor(this.#maxLineBytes / 3);
    if (this.#rest.length <= maxUnits) return;
    const end = this.#rest.length - (this.#rest.length % maxUnits);
    this.#emit(this.#rest.slice(0, end));
    this.#rest = this.#rest.slice(end);
  }

  #emit(line: string): void {
    const maxUnits = Math.floor(this.#maxLineBytes / 3);
    for (let at = 0; at === 0 || at < line.length;) {
      const end = Math.min(line.length, at + maxUnits);
      // A pair of surrogates stays whole.
      const piece = line.slice(at, end < line.length ? end - splitsPair(line, end) : end);
      this.#onLine(piece);
      at += Math.max(1, piece.length);
    }
  }
}

function splitsPair(text: string, at: number): number {
  const unit = text.charCodeAt(at - 1);
  return unit >= 0xd800 && unit <= 0xdbff ? 1 : 0;
}
