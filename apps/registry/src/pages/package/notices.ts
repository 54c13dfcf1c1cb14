import type { YankNotice } from "../../metadata.ts";
import { html } from "../html.ts";
import type { Html } from "../html.ts";
import { packagePath } from "../links.ts";
import { timeElement } from "../times.ts";
import type { PackageView } from "./view.ts";

/** What one has to know before one installs, the gravest first. */
export function notices({ manifest, yanked, deprecated, newest, nowMs }: PackageView): readonly Html[] {
  const { name, version } = manifest;
  const list: Html[] = [];
  if (yanked !== undefined)
    list.push(
      html`<div class="notice grave" role="note">
        <p>
          <strong>Version ${version.text} was yanked</strong> ${authorOf(yanked)}${timeElement(yanked.at, nowMs)}. It is
          installed only where it is locked or named exactly.
        </p>
        <p dir="auto">${yanked.reason}</p>
      </div>`,
    );
  if (deprecated !== undefined)
    list.push(
      html`<div class="notice" role="note">
        <p><strong>Deprecated.</strong> <span dir="auto">${deprecated.message}</span></p>
        ${deprecated.successor === undefined ? undefined : html`<p>Use <a href="${packagePath(deprecated.successor)}">${deprecated.successor}</a> in its place.</p>`}
      </div>`,
    );
  if (version.text !== newest)
    list.push(
      html`<div class="notice mild" role="note">
        <p>This is not the version that is shown first: that is <a href="${packagePath(name)}">${newest}</a>.</p>
      </div>`,
    );
  return list;
}

/** In an open registry nobody has a name. */
function authorOf({ by }: YankNotice): Html | undefined {
  return by === "anyone" ? undefined : html`by <bdi>${by}</bdi> `;
}
