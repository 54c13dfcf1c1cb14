import { formatBytes } from "@cpm/base";
import type { ExecutorRequirement, GpuRequirement, Manifest, Range } from "@cpm/model";
import { copyable } from "../copyable.ts";
import { html } from "../html.ts";
import type { Html } from "../html.ts";
import { packagePath } from "../links.ts";
import type { PlatformRow } from "./view.ts";

/** What the colony must offer, and what there is for which platform. */
export function requirementList(
  { requires, multiInstance }: Pick<Manifest, "requires" | "multiInstance">,
  platforms: readonly PlatformRow[],
): Html {
  const { colonyos, cpm, executors, releases, absent } = requires;
  const rows: readonly (readonly [string, Html | undefined])[] = [
    [
      "Executors",
      executors.length === 0 ? html`<span class="quiet">none in particular</span>` : plainList(executors.map(executor)),
    ],
    ["ColonyOS", colonyos === undefined ? undefined : html`<code>${colonyos.text}</code>`],
    ["cpm", cpm === undefined ? undefined : html`<code>${cpm.text}</code>`],
    ["Installed before", packageRanges(releases)],
    ["Not beside it", packageRanges(absent)],
    ["Instances", multiInstance ? html`several in one release, each with inputs of its own` : undefined],
  ];
  return html`<dl class="facts">
      ${rows.map(([title, value]) =>
        value === undefined
          ? undefined
          : html`<div>
              <dt>${title}</dt>
              <dd>${value}</dd>
            </div>`,
      )}
    </dl>
    <h3>Platforms</h3>
    <ul class="platforms">
      ${platforms.map(({ platform, sizeBytes, digest }) => html`<li><span class="platform">${platform ?? "all platforms"}</span><span class="quiet">${formatBytes(sizeBytes)}</span>${copyable(digest, `the digest for ${platform ?? "all platforms"}`)}</li>`)}
    </ul>`;
}

function plainList(items: readonly Html[]): Html {
  return html`<ul class="plain">
    ${items.map((item) => html`<li>${item}</li>`)}
  </ul>`;
}

function executor({ type, arch, gpu, memory }: ExecutorRequirement): Html {
  const needs = [
    ...(gpu === undefined ? [] : [describeGpu(gpu)]),
    ...(memory === undefined ? [] : [`${memory} of memory`]),
  ];
  const where = arch.length === 0 ? "" : ` on ${arch.join(" or ")}`;
  return html`<code>${type}</code>${where}${needs.length === 0 ? "" : ` with ${needs.join(" and ")}`}`;
}

/** `2 GPUs nvidia_a100 of 40Gi each` */
function describeGpu({ count, name, memory }: GpuRequirement): string {
  const what = `${count} ${count === 1 ? "GPU" : "GPUs"}${name === undefined ? "" : ` ${name}`}`;
  if (memory === undefined) return what;
  return `${what} of ${memory}${count === 1 ? "" : " each"}`;
}

function packageRanges(ranges: Readonly<Record<string, Range>>): Html | undefined {
  const entries = Object.entries(ranges);
  if (entries.length === 0) return undefined;
  return plainList(
    entries.map(([name, range]) => html`<a href="${packagePath(name)}">${name}</a> <code>${range.text}</code>`),
  );
}
