import type { Clock } from "@cpm/base";
import { formatBytes } from "@cpm/base";
import type { TextSink } from "../context.ts";
import type { Style } from "./style.ts";

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
  /** Removes what is under way from the screen. Called once, at the end. */
  stop(): void;
}

const redrawEveryMs = 80;

/** Bars that are redrawn in place, for a terminal. */
export class TerminalProgress implements Progress {
  readonly #sink: TextSink;
  readonly #style: Style;
  readonly #clock: Clock;
  readonly #items = new Map<string, { item: ProgressItem; startedAtMs: number }>();
  #drawnLines = 0;
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
      this.line(
        `${item.failed === true ? this.#style.red("✗") : this.#style.green("✓")} ${item.label} ${this.#style.dim(item.state)}`,
      );
      return;
    }
    this.#items.set(item.id, { item, startedAtMs: known?.startedAtMs ?? this.#clock.now() });
    if (known?.item.state !== item.state || this.#clock.now() - this.#drawnAtMs >= redrawEveryMs) this.#draw();
  }

  line(text: string): void {
    this.#erase();
    this.#sink.write(`${text}\n`);
    this.#draw();
  }

  stop(): void {
    this.#erase();
    this.#items.clear();
  }

  #draw(): void {
    this.#erase();
    const lines = [...this.#items.values()].slice(-8).map(({ item, startedAtMs }) => this.#bar(item, startedAtMs));
    if (lines.length > 0) this.#sink.write(`${lines.join("\n")}\n`);
    this.#drawnLines = lines.length;
    this.#drawnAtMs = this.#clock.now();
  }

  #erase(): void {
    if (this.#drawnLines > 0) this.#sink.write(`\u001b[${this.#drawnLines}A\u001b[J`);
    this.#drawnLines = 0;
  }

  #bar(item: ProgressItem, startedAtMs: number): string {
    const head = `  ${item.label} ${this.#style.dim(item.state)}`;
    if (item.doneBytes === undefined) return head;
    const seconds = Math.max(0.001, (this.#clock.now() - startedAtMs) / 1000);
    const rate = `${formatBytes(item.doneBytes / seconds)}/s`;
    if (item.totalBytes === undefined || item.totalBytes === 0) return `${head} ${formatBytes(item.doneBytes)} ${rate}`;
    const share = Math.min(1, item.doneBytes / item.totalBytes);
    const width = Math.max(10, Math.min(30, this.#sink.columns - head.length - 32));
    const filled = Math.round(share * width);
    const bar = this.#style.cyan("━".repeat(filled)) + this.#style.dim("─".repeat(width - filled));
    return `${head} ${bar} ${formatBytes(item.doneBytes)} of ${formatBytes(item.totalBytes)} ${rate}`;
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
