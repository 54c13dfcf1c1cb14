import { readFileSync } from "node:fs";
import { join } from "node:path";
import { encodeUtf8, isJsonObject, parseJson, stringifyJson } from "@cpm/base";
import { replaceFile } from "@cpm/store";

/** How far the agent has read what it keeps. */
export interface ScrubProgress {
  /** When the round began, by the time of day. */
  readonly startedAtMs: number;
  /** The last name of the round that was read: `blobs/sha256/<hex>` or `trees/sha256/<hex>`. Undefined: the round is over. */
  readonly after: string | undefined;
  /** Damaged trees that could not be healed yet, as such names. */
  readonly damaged: readonly string[];
}

/** More damaged trees than this are found again in the next round. */
const maxDamaged = 10_000;

/** `scrub.json` in the packages directory. One that cannot be read counts as none: then a round is due in its time. */
export class ScrubState {
  readonly #path: string;

  constructor(root: string) {
    this.#path = join(root, "scrub.json");
  }

  read(): ScrubProgress | undefined {
    let value;
    try {
      value = parseJson(readFileSync(this.#path, "utf8"));
    } catch {
      return undefined;
    }
    if (!isJsonObject(value)) return undefined;
    const { startedAtMs, after, damaged } = value;
    if (typeof startedAtMs !== "number" || !Array.isArray(damaged)) return undefined;
    return {
      startedAtMs,
      after: typeof after === "string" ? after : undefined,
      damaged: damaged.filter((name) => typeof name === "string"),
    };
  }

  write({ startedAtMs, after, damaged }: ScrubProgress): void {
    const value = { startedAtMs, ...(after === undefined ? {} : { after }), damaged: damaged.slice(0, maxDamaged) };
    replaceFile(this.#path, encodeUtf8(`${stringifyJson(value)}\n`));
  }
}
