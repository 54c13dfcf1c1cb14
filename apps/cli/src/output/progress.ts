import type { Clock } from "@cpm/base";
import { formatBytes } from "@cpm/base";
import type { TextSink } from "../context.ts";
import type { Style } from "./style.ts";
import { cutText, displayWidth, harmless } from "./terminal-text.ts";
import { TransferRate } from "./transfer-rate.ts";

/** One thing under way, as it stands now. */
export interface ProgressItem {
  readonly id: string;
  readonly label: string;
  /** A word for what is happening: fetching, unpacking, running. */
  readonly state: string;
  readonly doneBytes?: number;
  readonly totalBytes?: number;
  readonly finished?: boolean;
  readonly failed?: boolean;
}

export interface Progress {
  /** Shows an item, or shows it anew. */
  update(item: ProgressItem): void;
  /** A line that stays, above whatever is under way. */
  line(text: string): void;
  /** Removes what is under way from the screen. May be called again. */
  stop(): void;
}

const redrawEveryMs = 80;
const shownItems = 8;
const barColumns = 30;
const leastBarColumns = 8;

interface ShownItem {
  readonly item: ProgressItem;
  readonly rate: TransferRate;
}

/**
 * Bars that are redrawn in place, for a terminal. A frame is one write, no line of it is wider than the terminal, and
 * a frame that looks like the one before is not written at all. The cursor is never hidden: there is nothing to restore.
 */
export class TerminalProgress implements Progress {
  readonly #sink: TextSink;
  readonly #style: Style;
  readonly #clock: Clock;
  readonly #items = new Map<string, ShownItem>();
  #frame: readonly string[] = [];
  #drawnAtMs = Number.NEGATIVE_INFINITY;

  constructor(sink: TextSink, style: Style, clock: Clock) {
    this.#sink = sink;
    this.#style = style;
    this.#clock = clock;
  }

  update(item: ProgressItem): void {
    const known = this.#items.get(item.id);
    if (item.finished === true) {
      this.#items.delete(item.id);
      const mark = item.failed === true ? this.#style.red("✗") : this.#style.green("✓");
      this.line(`${mark} ${item.label} ${this.#style.dim(item.state)}`);
      return;
    }
    const now = this.#clock.now();
    const rate = known?.rate ?? new TransferRate();
    if (item.doneBytes !== undefined) rate.add(now, item.doneBytes);
    this.#items.set(item.id, { item, rate });
    if (known?.item.state !== item.state || now - this.#drawnAtMs >= redrawEveryMs) this.#draw("");
  }

  line(text: string): void {
    this.#draw(`${harmless(text)}\n`);
  }

  stop(): void {
    this.#items.clear();
    this.#draw("");
  }

  /** Writes `above` where the frame stood, and the frame below it. */
  #draw(above: string): void {
    const frame = [...this.#items.values()].slice(-shownItems).map((shown) => this.#bar(shown));
    this.#drawnAtMs = this.#clock.now();
    if (above === "" && frame.join("\n") === this.#frame.join("\n")) return;
    // To the beginning of the line first: what was typed meanwhile, `^C` too, has moved the cursor.
    const erase = this.#frame.length > 0 ? `\r\u001b[${this.#frame.length}A\u001b[J` : "";
    this.#sink.write(erase + above + frame.map((line) => `${line}\n`).join(""));
    this.#frame = frame;
  }

  /** What does not fit is left out: the bar first, then the rate, then the sizes for a share of the whole. */
  #bar({ item, rate }: ShownItem): string {
    const { dim, cyan } = this.#style;
    // A line that fills the last column would wrap on some terminals.
    const room = this.#sink.columns - 1;
    const head = harmless(`  ${item.label} ${dim(item.state)}`);
    if (item.doneBytes === undefined) return cutText(head, room);
    const bytesPerSecond = rate.bytesPerSecond(this.#clock.now());
    const speed = bytesPerSecond === undefined ? "" : ` ${formatBytes(Math.round(bytesPerSecond))}/s`;
    const total = item.totalBytes ?? 0;
    const size = total === 0 ? formatBytes(item.doneBytes) : `${formatBytes(item.doneBytes)} of ${formatBytes(total)}`;
    const width = Math.min(barColumns, room - displayWidth(`${head}  ${size}${speed}`));
    if (total > 0 && width >= leastBarColumns) {
      const filled = Math.round(Math.min(1, item.doneBytes / total) * width);
      return `${head} ${cyan("━".repeat(filled))}${dim("─".repeat(width - filled))} ${size}${speed}`;
    }
    const share = total > 0 ? [`${head} ${Math.floor(Math.min(1, item.doneBytes / total) * 100)} %`] : [];
    const shorter = [`${head} ${size}${speed}`, `${head} ${size}`, ...share];
    return shorter.find((line) => displayWidth(line) <= room) ?? cutText(head, room);
  }
}

/** One line when something starts, changes its state or ends; for logs and pipes. */
export class PlainProgress implements Progress {
  readonly #sink: TextSink;
  readonly #states = new Map<string, string>();

  constructor(sink: TextSink) {
    this.#sink = sink;
  }

  update(item: ProgressItem): void {
    if (this.#states.get(item.id) === item.state) return;
    this.#states.set(item.id, item.state);
    const size = item.finished === true && item.doneBytes !== undefined ? ` (${formatBytes(item.doneBytes)})` : "";
    this.#sink.write(`${item.label}: ${item.state}${size}\n`);
  }

  line(text: string): void {
    this.#sink.write(`${text}\n`);
  }

  stop(): void {
    this.#states.clear();
  }
}

/** For `--quiet`, and for `--json` where the caller wants data only. */
export const silentProgress: Progress = { update() {}, line() {}, stop() {} };
