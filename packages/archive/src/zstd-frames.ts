import { archiveError } from "./errors.ts";

export interface ZstdLimits {
  /** Content of one frame, as declared in its header. */
  readonly maxFrameContentBytes: number;
  /** Sum of the contents of all frames. */
  readonly maxTotalContentBytes: number;
}

/** Packages are written as frames of 8 MiB. */
export const zstdFrameContentBytes: number = 8 * 1024 * 1024;

/** One whole frame: how many bytes of the stream it takes, and what its header promises. */
export interface ZstdFrame {
  readonly compressedBytes: number;
  readonly contentBytes: number;
}

const magic = 0xfd2fb528;
const maxBlockBytes = 128 * 1024;
const maxHeaderBytes = 18;

type State = "header" | "block-header" | "block" | "checksum";

/**
 * Walks zstd frames without decoding them (RFC 8878): headers and block headers alone give the exact end of
 * every frame. What a decoder would silently skip, ignore or cut short is refused here: skippable and legacy
 * frames, dictionaries, trailing bytes, a missing or too large content size, an end inside a frame. So a
 * decoder sees only whole frames whose size is known before it starts.
 */
export class ZstdFrameWalker {
  readonly #limits: ZstdLimits;
  readonly #onFrame: (frame: ZstdFrame) => void;
  readonly #header: number[] = [];
  #state: State = "header";
  #remaining = 0;
  #lastBlock = false;
  #hasChecksum = false;
  #compressedBytes = 0;
  #contentBytes = 0;
  #blockLimit = 0;
  #totalContentBytes = 0;
  #frames = 0;

  constructor(limits: ZstdLimits, onFrame: (frame: ZstdFrame) => void) {
    this.#limits = limits;
    this.#onFrame = onFrame;
  }

  get totalContentBytes(): number {
    return this.#totalContentBytes;
  }

  /** Looks at the bytes up to the end of the current frame at most and returns how many belong to it. */
  write(chunk: Uint8Array): number {
    let at = 0;
    while (at < chunk.length) {
      if (this.#state === "block" || this.#state === "checksum") {
        const take = Math.min(this.#remaining, chunk.length - at);
        at += take;
        this.#remaining -= take;
        this.#compressedBytes += take;
        if (this.#remaining === 0 && this.#endPart()) return at;
      } else {
        this.#header.push(chunk[at++] ?? 0);
        this.#compressedBytes++;
        if (this.#state === "block-header") {
          if (this.#header.length === 3 && this.#readBlockHeader()) return at;
        } else this.#readFrameHeader();
      }
    }
    return at;
  }

  /** Throws `zstd/truncated` unless the stream ended with a frame. */
  end(): void {
    if (this.#frames === 0 || this.#compressedBytes > 0)
      throw archiveError("zstd/truncated", "the stream ends inside a frame");
  }

  /** RFC 8878 §3.1.1.1. Called for each byte until the header is whole. */
  #readFrameHeader(): void {
    const bytes = this.#header;
    if (bytes.length === 4) checkMagic(littleEndian(bytes, 0, 4));
    if (bytes.length < 5) return;
    const descriptor = bytes[4] ?? 0;
    if ((descriptor & 0b0001_1000) !== 0) throw archiveError("zstd/reserved", "a frame header uses a reserved bit");
    if ((descriptor & 0b11) !== 0) throw archiveError("zstd/dictionary", "a frame needs a dictionary");
    const singleSegment = (descriptor & 0b0010_0000) !== 0;
    const sizeFlag = descriptor >> 6;
    const sizeBytes = sizeFlag === 0 ? (singleSegment ? 1 : 0) : 1 << sizeFlag;
    if (sizeBytes === 0) throw archiveError("zstd/no-content-size", "a frame does not declare its size");
    const windowBytes = singleSegment ? 0 : 1;
    const headerBytes = 5 + windowBytes + sizeBytes;
    if (bytes.length < headerBytes || bytes.length > maxHeaderBytes) return;
    const content = littleEndian(bytes, 5 + windowBytes, sizeBytes) + (sizeFlag === 1 ? 256 : 0);
    this.#hasChecksum = (descriptor & 0b0100) !== 0;
    this.#checkSizes(content, singleSegment ? content : windowSize(bytes[5] ?? 0));
    this.#state = "block-header";
    bytes.length = 0;
  }

  #checkSizes(content: number, window: number): void {
    const { maxFrameContentBytes, maxTotalContentBytes } = this.#limits;
    if (content === 0) throw archiveError("zstd/empty-frame", "a frame without content");
    if (window > zstdFrameContentBytes && window > maxFrameContentBytes) {
      throw archiveError("zstd/window-too-large", `a frame asks for a window of ${window} bytes`);
    }
    if (content > maxFrameContentBytes) {
      throw archiveError(
        "zstd/frame-too-large",
        `a frame of ${content} bytes; at most ${maxFrameContentBytes} are used`,
      );
    }
    this.#totalContentBytes += content;
    if (this.#totalContentBytes > maxTotalContentBytes) {
      throw archiveError("zstd/total-too-large", `the frames declare more than ${maxTotalContentBytes} bytes`);
    }
    this.#contentBytes = content;
    this.#blockLimit = Math.min(window, maxBlockBytes);
  }

  /** RFC 8878 §3.1.1.2. Answers whether the frame ended with it. */
  #readBlockHeader(): boolean {
    const header = littleEndian(this.#header, 0, 3);
    this.#header.length = 0;
    this.#lastBlock = (header & 1) === 1;
    const type = (header >> 1) & 0b11;
    const size = header >> 3;
    if (type === 3) throw archiveError("zstd/reserved", "a block has the reserved type");
    if (size > this.#blockLimit)
      throw archiveError("zstd/block-too-large", `a block of ${size} bytes; at most ${this.#blockLimit} are allowed`);
    // An RLE block is one byte, repeated `size` times.
    this.#remaining = type === 1 ? 1 : size;
    this.#state = "block";
    return this.#remaining === 0 && this.#endPart();
  }

  /** A block or the checksum is whole. Answers whether the frame is. */
  #endPart(): boolean {
    if (this.#state === "block" && !this.#lastBlock) {
      this.#state = "block-header";
      return false;
    }
    if (this.#state === "block" && this.#hasChecksum) {
      this.#state = "checksum";
      this.#remaining = 4;
      return false;
    }
    const frame = { compressedBytes: this.#compressedBytes, contentBytes: this.#contentBytes };
    this.#state = "header";
    this.#compressedBytes = 0;
    this.#frames++;
    this.#onFrame(frame);
    return true;
  }
}

function checkMagic(value: number): void {
  if (value === magic) return;
  if (value >= 0x184d2a50 && value <= 0x184d2a5f)
    throw archiveError("zstd/skippable", "skippable frames are not used in packages");
  // Versions 0.1 to 0.7 counted the first byte up to the present magic.
  if (value >= 0xfd2fb522 && value <= 0xfd2fb527) throw archiveError("zstd/legacy", "a frame of an old zstd version");
  throw archiveError("zstd/magic", "the bytes are not a zstd frame");
}

/** RFC 8878 §3.1.1.1.2. */
function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 0b111);
}

function littleEndian(bytes: readonly number[], offset: number, length: number): number {
  let value = 0;
  for (let at = offset + length - 1; at >= offset; at--) value = value * 256 + (bytes[at] ?? 0);
  return value;
}
