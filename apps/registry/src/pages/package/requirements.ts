import { formatBytes } from "@cpm/base";
import type { Requirements } from "@cpm/model";
import { copyable } from "../copyable.ts";
import { html } from "../html.ts";
import type { Html } from "../html.ts";
import type { PlatformRow } from "./view.ts";

/** What the colony must offer, and what there is for which platform. */
export function requirementList({ colonyos, cpm, executors }: Requirements, platforms: readonly PlatformRow[]): Html {
  return html`<dl class="facts">
      <div>
        <dt>Executors</dt>
        <dd>
          ${
            executors.length === 0
              ? html`<span class="quiet">none in particular</span>`
              : html`<ul class="plain">
                  ${executors.map(({ type, arch }) => html`<li><code>${type}</code>${arch.length === 0 ? undefined : html` on ${arch.join(" or ")}`}</li>`)}
                </ul>`
          }
        </dd>
      </div>
      ${
        colonyos === undefined
          ? undefined
          : html`<div>
              <dt>ColonyOS</dt>
              <dd><code>${colonyos.text}</code></dd>
            </div>`
      }
      ${
        cpm === undefined
          ? undefined
          : html`<div>
              <dt>cpm</dt>
              <dd><code>${cpm.text}</code></dd>
            </div>`
      }
    </dl>
    <h3>Platforms</h3>
    <ul class="platforms">
      ${platforms.map(({ platform, sizeBytes, digest }) => html`<li><span class="platform">${platform ?? "all platforms"}</span><span class="quiet">${formatBytes(sizeBytes)}</span>${copyable(digest, `the digest for ${platform ?? "all platforms"}`)}</li>`)}
    </ul>`;
}
