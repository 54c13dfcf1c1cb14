import { namespaceOf } from "../access/namespaces.ts";
import type { PackageRow } from "../metadata.ts";
import { countText } from "./counts.ts";
import { html } from "./html.ts";
import type { Html } from "./html.ts";
import { namespacePath, packagePath, searchPath } from "./links.ts";
import { timeElement } from "./times.ts";

export function packageList(packages: readonly PackageRow[], nowMs: number): Html {
  return html`<ol class="packages">
    ${packages.map((row) => packageItem(row, nowMs))}
  </ol>`;
}

function packageItem({ name, version, description, keywords, updatedAt, downloads }: PackageRow, nowMs: number): Html {
  const namespace = namespaceOf(name);
  return html`<li>
    <h2><a href="${packagePath(name)}">${name}</a> <span class="version">${version}</span></h2>
    ${description === "" ? undefined : html`<p dir="auto">${description}</p>`}
    <p class="meta">
      <span>by <a href="${namespacePath(namespace)}">${namespace}</a></span
      ><span>updated ${timeElement(updatedAt, nowMs)}</span
      >${downloads.last90Days === 0 ? undefined : html`<span title="in 90 days">${countText(downloads.last90Days, "download")}</span>`}
    </p>
    ${keywordList(keywords)}
  </li>`;
}

/** Each leads to what is found by it. */
export function keywordList(keywords: readonly string[]): Html | undefined {
  if (keywords.length === 0) return undefined;
  return html`<ul class="keywords" aria-label="Keywords">
    ${keywords.map((keyword) => html`<li><a href="${searchPath("", 1, [{ key: "keyword", value: keyword }])}">${keyword}</a></li>`)}
  </ul>`;
}
