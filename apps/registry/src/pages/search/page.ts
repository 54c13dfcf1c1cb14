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
  readonly value: string;
}

export function searchPage(view: SearchView): Html {
  const { visitor, query, total, results, page, pages, nowMs } = view;
  const narrowed = query !== "" || view.filters.some(({ value }) => value !== "");
  const heading = query === "" ? "Packages" : html`Packages for <q>${query}</q>`;
  return layout({
    visitor,
    title: query === "" ? `Packages on ${visitor.host}` : `${query} · ${visitor.host}`,
    description: `Find and install packages for ColonyOS from ${visitor.host}.`,
    content: html`<section class="hero">
        ${narrowed ? undefined : html`<p class="lead">Find what your colony can run.</p>`}
        ${view.filters.length === 0 ? searchField(query) : filterForm(query, view.filters)}
      </section>
      <div class="listing-head">
        <h1>${heading}</h1>
        <p class="quiet">${countText(total, "package")}</p>
      </div>
      ${results.length === 0 ? nothingFound(narrowed, page > 1) : packageList(results, nowMs)}
      ${pagination(page, pages, (target) => searchPath(query, target, view.filters))}`,
  });
}

function filterForm(query: string, filters: readonly SearchFilter[]): Html {
  const fields = filters.map(
    ({ key, label, value }) =>
      html`<label
        >${label} <input name="${key}" value="${value}" maxlength="128" autocomplete="off" spellcheck="false"
      /></label>`,
  );
  return searchField(
    query,
    html`<fieldset>
      <legend class="unseen">Narrow the search</legend>
      ${fields}
    </fieldset>`,
  );
}

function nothingFound(narrowed: boolean, beyond: boolean): Html {
  if (beyond) return html`<p class="empty">There are not so many. <a href="/">Begin again</a></p>`;
  if (!narrowed)
    return html`<p class="empty">There are no packages here yet. <code>cpm publish</code> brings the first.</p>`;
  return html`<p class="empty">
    Nothing here is like that. Fewer or shorter words find more, or <a href="/">see all packages</a>.
  </p>`;
}
