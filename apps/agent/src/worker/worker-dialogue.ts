import type { CpmError } from "@cpm/base";
import { agentError } from "../errors.ts";
import { parseWorkerMessage, reportedError } from "./messages.ts";
import type { WorkerMessage } from "./messages.ts";

/** What a program says before it comes to its end. */
export type InnerMessage = Exclude<WorkerMessage, { readonly type: "done" | "failed" }>;

/** What a confined program says, held to its form: whatever its work has to tell, and one outcome at the end. */
export class WorkerDialogue {
  readonly #take: (message: InnerMessage) => void;
  #done = false;

  constructor(take: (message: InnerMessage) => void) {
    this.#take = take;
  }

  /** Throws what the program says it failed with, and `agent/worker-output`. */
  take(line: string): void {
    const message = parseWorkerMessage(line);
    if (this.#done) throw agentError("agent/worker-output", "the worker went on after it was done");
    if (message.type === "failed") throw reportedError(message.code, message.message);
    if (message.type === "done") this.#done = true;
    else this.#take(message);
  }

  /** To be called when the program has ended well. */
  end(): void {
    if (!this.#done) throw agentError("agent/worker-output", "the worker ended without saying how it went");
  }
}

/** For a message that is none of what this program has to tell. */
export function unasked(): CpmError {
  return agentError("agent/worker-output", "the worker speaks of what it was not asked");
}
