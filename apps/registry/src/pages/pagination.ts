import { html } from "./html.ts";
import type { Html } from "./html.ts";

export function pagination(page: number, pages: number, pathOf: (page: number) => string): Html | undefined {
  if (pages <= 1 || page > pages) return undefined;
  return html`<nav class="pages" aria-label="Pages">
    ${page > 1 ? html`<a rel="prev" href="${pathOf(page - 1)}">Previous</a>` : undefined}
    <span>Page ${page} of ${pages}</span>
    ${page < pages ? html`<a rel="next" href="${pathOf(page + 1)}">Next</a>` : undefined}
  </nav>`;
}
