import { stringifyJson } from "@cpm/base";
import type { Dependency } from "@cpm/model";
import { html } from "../html.ts";
import type { Html } from "../html.ts";
import { packagePath } from "../links.ts";

export function dependencyList(dependencies: readonly Dependency[]): Html {
  if (dependencies.length === 0) return html`<p class="empty">It needs no other package.</p>`;
  return html`<ul class="rows">
    ${dependencies.map(dependencyItem)}
  </ul>`;
}

/** One that is needed several times has a row for each, with the name and the inputs that tell them apart. */
function dependencyItem({ name, version, alias, when, with: inputs }: Dependency): Html {
  const given = Object.entries(inputs);
  return html`<li>
    <a href="${packagePath(name)}">${name}</a
    ><code>${version.text}</code
    >${alias === undefined ? undefined : html`<span class="quiet">as <code>${alias}</code></span>`}${
      when === undefined ? undefined : html`<span class="quiet">when <code>${when}</code></span>`
    }${
      given.length === 0
        ? undefined
        : html`<span class="quiet"
            >with
            ${given.map(([key, value], index) => html`${index === 0 ? "" : ", "}<code>${key} = ${stringifyJson(value)}</code>`)}</span
          >`
    }
  </li>`;
}
