import { html } from "./html.ts";
import type { Html } from "./html.ts";

const units: readonly (readonly [string, number])[] = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];

/** `3 days ago`, as rough as people say it. */
function formatAge(atMs: number, nowMs: number): string {
  const ageS = Math.max(0, Math.floor((nowMs - atMs) / 1000));
  for (const [unit, lengthS] of units) {
    const count = Math.floor(ageS / lengthS);
    if (count >= 1) return `${count} ${unit}${count === 1 ? "" : "s"} ago`;
  }
  return "just now";
}

/** The age to read, the exact time for programs and for who points at it. */
export function timeElement(atMs: number, nowMs: number): Html {
  const exact = new Date(atMs).toISOString();
  return html`<time datetime="${exact}" title="${exact.slice(0, 16).replace("T", " ")} UTC"
    >${formatAge(atMs, nowMs)}</time
  >`;
}
