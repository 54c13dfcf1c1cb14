/** Longer than any chain of mirrors that somebody builds on purpose. */
const maxMirrors = 8;

/** The mirrors that a request has come through, the first one first (RFC 9110, 7.6.3). */
export type Via = readonly string[];

/** Only mirrors of our kind: what proxies write is no business of the next registry. */
export function parseVia(header: string | null): Via {
  return [
    ...(header ?? "").slice(0, 4096).matchAll(/(?:^|,)\s*(?:HTTP\/)?1\.1\s+(cpm-[0-9a-f]{16})(?=\s*(?:,|$))/g),
  ].map(([, name = ""]) => name);
}

export function formatVia(via: Via): string {
  return via.map((name) => `1.1 ${name}`).join(", ");
}

/** Whether to ask once more would lead to where the request has been, or has no end. */
export function isLoop(via: Via, own: string): boolean {
  return via.includes(own) || via.length >= maxMirrors;
}
