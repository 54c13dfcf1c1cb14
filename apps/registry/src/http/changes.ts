import type { Visibility } from "../access/rights.ts";
import type { Change, ChangePage } from "../changes/change-feed.ts";
import { registryError } from "../errors.ts";
import type { RegistryParts } from "../registry-parts.ts";
import type { Call } from "./account-call.ts";
import { json } from "./answers.ts";
import { countOf } from "./count-of.ts";

const defaultLimit = 100;
const maxLimit = 1000;
const maxWaitS = 60;

/**
 * What changed after a place, of what the caller may pull, the earliest first. With `wait` an answer that would be empty
 * is kept back until there is a change, at most for so many seconds.
 */
export async function listChanges({
  parts,
  caller,
  origin: { address },
  query,
  request: { signal },
}: Call): Promise<Response> {
  const limit = Math.max(1, Math.min(countOf(query, "limit") ?? defaultLimit, maxLimit));
  const waitS = countOf(query, "wait") ?? 0;
  if (waitS > maxWaitS)
    throw registryError("registry-server/bad-query", `wait is ${waitS}; at most ${maxWaitS} seconds are waited`);
  const after = query.get("after") === "latest" ? await parts.changes.latest() : placeOf(query);
  // Anew whenever something changed: it may be who may see what.
  const visible = () => parts.gate.visibility(caller);
  const { changes, next, more } = await follow(parts, visible, { after, limit, waitMs: waitS * 1000, address, signal });
  return json(200, { changes: changes.map(formatChange), next: String(next), more }, { "cache-control": "no-store" });
}

/** A place is a text for those who ask, so that it can become something else than a number. */
function placeOf(query: URLSearchParams): number {
  const text = query.get("after") ?? "0";
  if (!/^\d{1,15}$/.test(text))
    throw registryError(
      "registry-server/bad-query",
      `after is "${text.slice(0, 40)}", which is not a place of the feed`,
    );
  return Number(text);
}

interface Following {
  readonly after: number;
  readonly limit: number;
  readonly waitMs: number;
  readonly address: string;
  readonly signal: AbortSignal;
}

async function follow(
  { changes, changeWatch }: RegistryParts,
  visible: () => Promise<Visibility>,
  { after, limit, waitMs, address, signal }: Following,
): Promise<ChangePage> {
  const deadline = performance.now() + waitMs;
  for (let place = after; ;) {
    // Read before the database is: what is written in between is not slept through.
    const { turn } = changeWatch;
    const page = await changes.read(await visible(), place, limit);
    const leftMs = deadline - performance.now();
    if (page.changes.length > 0 || page.more || leftMs <= 0 || signal.aborted || changeWatch.ended) return page;
    // What was looked at and may not be shown is not looked at again.
    place = page.next;
    await changeWatch.wait({ place, turn, waitMs: leftMs, address, signal });
  }
}

function formatChange({ place, at, kind, name, detail }: Change): Record<string, unknown> {
  return { place: String(place), at: new Date(at).toISOString(), kind, name, ...detail };
}
