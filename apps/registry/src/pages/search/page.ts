import type { PackageRow } from "../../metadata.ts";
import { countText } from "../counts.ts";
import { html } from "../html.ts";
import type { Html } from "../html.ts";
import { layout, searchField } from "../layout.ts";
import type { Visitor } from "../layout.ts";
import { packageList } from "../package-list.ts";
import { pagination } from "../pagination.ts";
import { searchPath } from "../links.ts";

export interface SearchView {
  readonly visitor: Visitor;
  readonly query: string;
  /** Fields beside the query that narrow the search, in the order in which they are shown. */
  readonly filters: readonly SearchFilter[];
  readonly total: number;
  readonly results: readonly PackageRow[];
  readonly page: number;
  readonly pages: number;
  readonly nowMs: number;
}

export interface SearchFilter {
  /** The parameter of the address. */
  readonly key: string;
  readonly label: string;
  readonly example: string;
  /** What a value must be like, for the browser to check before it is sent. */
  readonly pattern: string;
  readonly expected: string;
  readonly maxLength: number;
  /** Those that hold. */
  readonly values: readonly string[];
}

export function searchPage(view: SearchView): Html {
  const { visitor, query, filters, total, results, page, pages, nowMs } = view;
  const active = filters.flatMap(({ key, label, values }) => values.map((value) => ({ key, label, value })));
  const narrowed = query !== "" || active.length > 0;
  const heading = query === "" ? "Packages" : html`Packages for <q>${query}</q>`;
  return layout({
    visitor,
    title: query === "" ? `Packages on ${visitor.host}` : `${query} · ${visitor.host}`,
    description: `Find and install packages for ColonyOS from ${visitor.host}.`,
    content: html`<section class="hero">
        ${narrowed ? undefined : html`<p class="lead">Find what your colony can run.</p>`}
        ${searchField(query, kept(active))} ${filterForm(query, filters, active)}
      </section>
      <div class="listing-head">
        <h1>${heading}</h1>
        <p class="quiet">${countText(total, "package")}</p>
      </div>
      ${activeFilters(query, active)}
      ${results.length === 0 ? nothingFound(narrowed, page > 1) : packageList(results, nowMs)}
      ${pagination(page, pages, (target) => searchPath(query, target, active))}`,
  });
}

interface ActiveFilter {
  readonly key: string;
  readonly label: string;
  readonly value: string;
}

/** A form by itself, so that the address of a search without filters says nothing of them. */
function filterForm(query: string, filters: readonly SearchFilter[], active: readonly ActiveFilter[]): Html {
  const fields = filters.map(
    ({ key, label, example, pattern, expected, maxLength }) =>
      html`<label
        >${label}
        <input
          name="${key}"
          maxlength="${maxLength}"
          pattern="${pattern}"
          title="${expected}"
          placeholder="${example}"
          autocomplete="off"
          autocapitalize="none"
          spellcheck="false"
      /></label>`,
  );
  return html`<details class="filters">
    <summary>Narrow the search</summary>
    <form class="search" action="/" method="get">
      ${query === "" ? undefined : html`<input type="hidden" name="q" value="${query}" />`} ${kept(active)} ${fields}
      <button type="submit">Narrow</button>
    </form>
  </details>`;
}

/** What holds is sent along unseen; what is filled in comes on top of it. */
function kept(active: readonly ActiveFilter[]): readonly Html[] {
  return active.map(({ key, value }) => html`<input type="hidden" name="${key}" value="${value}" />`);
}

/** Each leads to the same search without it. */
function activeFilters(query: string, active: readonly ActiveFilter[]): Html | undefined {
  if (active.length === 0) return undefined;
  const items = active.map((filter) => {
    const others = active.filter((other) => other !== filter);
    return html`<li>
      ${filter.label}: <b>${filter.value}</b>
      <a href="${searchPath(query, 1, others)}" aria-label="Remove ${filter.label} ${filter.value}">×</a>
    </li>`;
  });
  return html`<ul class="active-filters" aria-label="Filters">
    ${items} ${active.length === 1 ? undefined : html`<li><a href="${searchPath(query)}">Remove all</a></li>`}
  </ul>`;
}

function nothingFound(narrowed: boolean, beyond: boolean): Html {
  if (beyond) return html`<p class="empty">There are not so many. <a href="/">Begin again</a></p>`;
  if (!narrowed)
    return html`<p class="empty">There are no packages here yet. <code>cpm publish</code> brings the first.</p>`;
  return html`<p class="empty">
    Nothing here is like that. Fewer or shorter words find more, or <a href="/">see all packages</a>.
  </p>`;
}
