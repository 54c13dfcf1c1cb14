import type { Digest } from "@cpm/base";
import { agentError } from "../errors.ts";
import type { Installed } from "./installed-packages.ts";

/** Something that changed on the node. */
export type NodeEvent =
  | { readonly kind: "installed"; readonly installed: Installed }
  | { readonly kind: "removed"; readonly name: string; readonly version: string; readonly tree: Digest }
  | { readonly kind: "damaged"; readonly tree: Digest; readonly healed: boolean };

export interface NumberedEvent {
  readonly sequence: number;
  readonly atMs: number;
  readonly event: NodeEvent;
}

/** Events that are kept for who comes back. */
const keptEvents = 1000;

/** What happened since this process began, in order, for who listens and for who comes back soon. */
export class EventLog {
  readonly #now: () => number;
  readonly #kept: NumberedEvent[] = [];
  readonly #listeners = new Set<(event: NumberedEvent) => void>();
  #last: number;

  constructor(now: () => number) {
    this.#now = now;
    // Numbers of an earlier process are below those of this one: nobody goes on after an event that is another's.
    this.#last = Math.floor(now()) * 1000;
  }

  /** The number of the newest event, or before the first one a number below it. */
  get last(): number {
    return this.#last;
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  add(event: NodeEvent): void {
    const numbered = { sequence: ++this.#last, atMs: this.#now(), event };
    this.#kept.push(numbered);
    if (this.#kept.length > keptEvents) this.#kept.shift();
    for (const listener of this.#listeners) listener(numbered);
  }

  /** What came after an event. Throws `agent/missed-events` where that is not kept, or has not happened. */
  after(sequence: number): readonly NumberedEvent[] {
    const first = this.#kept[0]?.sequence ?? this.#last + 1;
    if (sequence > this.#last || sequence < first - 1)
      throw agentError("agent/missed-events", `the events after ${sequence} are not here`);
    return this.#kept.filter((entry) => entry.sequence > sequence);
  }

  /** Calls for every event from now on; the answer ends it. */
  listen(listener: (event: NumberedEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
