import { formatBytes } from "@cpm/base";
import { html } from "../html.ts";
import type { Html } from "../html.ts";
import { packagePath } from "../links.ts";
import { timeElement } from "../times.ts";
import type { VersionItem } from "./view.ts";

/** As many are seen at once; the others unfold. */
const shownAtOnce = 10;

export function versionList(name: string, current: string, versions: readonly VersionItem[], nowMs: number): Html {
  const items = versions.map(
    ({ version, publishedAt, sizeBytes, yanked }) =>
      html`<li>
        <a href="${packagePath(name, version)}" ${version === current ? html` aria-current="true"` : undefined}
          >${version}</a
        >${yanked === undefined ? undefined : html`<span class="badge grave">yanked</span>`}<span class="quiet"
          >${timeElement(publishedAt, nowMs)}</span
        ><span class="quiet">${formatBytes(sizeBytes)}</span>
      </li>`,
  );
  const more = items.slice(shownAtOnce);
  return html`<ul class="rows versions">
      ${items.slice(0, shownAtOnce)}
    </ul>
    ${
      more.length === 0
        ? undefined
        : html`<details>
            <summary>${more.length} more ${more.length === 1 ? "version" : "versions"}</summary>
            <ul class="rows versions">
              ${more}
            </ul>
          </details>`
    }`;
}
