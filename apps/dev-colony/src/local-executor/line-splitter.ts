/** Bytes of one stream into lines, without their ends. A line over the limit comes in several pieces. */
export class LineSplitter {
  readonly #decoder = new TextDecoder();
  readonly #maxUnits: number;
  readonly #onLine: (line: string) => void;
  #rest = "";

  constructor(maxLineBytes: number, onLine: (line: string) => void) {
    // A UTF-16 unit is at most three bytes of UTF-8.
    this.#maxUnits = Math.max(2, Math.floor(maxLineBytes / 3));
    this.#onLine = onLine;
  }

  write(bytes: Uint8Array): void {
    this.#take(this.#decoder.decode(bytes, { stream: true }));
  }

  /** Whatever is left is a line too. */
  end(): void {
    this.#take(this.#decoder.decode());
    if (this.#rest !== "") this.#onLine(this.#cut(this.#rest));
    this.#rest = "";
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#onLine(this.#cut(line.endsWith("\r") ? line.slice(0, -1) : line));
    // One unit more may be a carriage return whose newline is still to come.
    if (this.#rest.length > this.#maxUnits + 1) this.#rest = this.#cut(this.#rest);
  }

  /** Emits whole pieces of a long line and answers what is left of it. */
  #cut(line: string): string {
    let at = 0;
    while (line.length - at > this.#maxUnits) {
      const end = at + this.#maxUnits;
      const splitsPair = line.charCodeAt(end) >= 0xdc00 && line.charCodeAt(end) <= 0xdfff;
      const next = splitsPair ? end - 1 : end;
      this.#onLine(line.slice(at, next));
      at = next;
    }
    return line.slice(at);
  }
}
