import type { PackageRow } from "../../metadata.ts";
import { countText } from "../counts.ts";
import { html } from "../html.ts";
import type { Html } from "../html.ts";
import { layout } from "../layout.ts";
import type { Visitor } from "../layout.ts";
import { namespacePath } from "../links.ts";
import { packageList } from "../package-list.ts";
import { pagination } from "../pagination.ts";

export interface NamespaceView {
  readonly visitor: Visitor;
  readonly name: string;
  /** By name. */
  readonly owners: readonly string[];
  readonly private: boolean;
  readonly total: number;
  readonly results: readonly PackageRow[];
  readonly page: number;
  readonly pages: number;
  readonly nowMs: number;
}

export function namespacePage(view: NamespaceView): Html {
  const { visitor, name, total, results, page, pages, nowMs } = view;
  const path = namespacePath(name);
  return layout({
    visitor,
    title: `${name} · ${visitor.host}`,
    description: `Packages of the namespace ${name} on ${visitor.host}.`,
    query: "",
    content: html`<div class="listing-head">
        <h1>
          <span class="quiet">Namespace</span>
          ${name}${view.private ? html` <span class="badge">private</span>` : undefined}
        </h1>
        <p class="quiet">${countText(total, "package")}${ownedBy(view.owners)}</p>
      </div>
      ${results.length === 0 ? html`<p class="empty">${page > 1 ? "There are not so many." : "There are no packages in it yet."}</p>` : packageList(results, nowMs)}
      ${pagination(page, pages, (target) => (target === 1 ? path : `${path}?page=${target}`))}`,
  });
}

function ownedBy(owners: readonly string[]): Html | undefined {
  if (owners.length === 0) return undefined;
  return html`, owned by ${owners.map((owner, index) => html`${index === 0 ? "" : ", "}<bdi>${owner}</bdi>`)}`;
}
