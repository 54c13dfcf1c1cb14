import type { Dependency } from "@cpm/model";
import { html } from "../html.ts";
import type { Html } from "../html.ts";
import { packagePath } from "../links.ts";

export function dependencyList(dependencies: readonly Dependency[]): Html {
  if (dependencies.length === 0) return html`<p class="empty">It needs no other package.</p>`;
  return html`<ul class="rows">
    ${dependencies.map(({ name, version, alias }) => html`<li><a href="${packagePath(name)}">${name}</a><code>${version.text}</code>${alias === undefined ? undefined : html`<span class="quiet">as ${alias}</span>`}</li>`)}
  </ul>`;
}
