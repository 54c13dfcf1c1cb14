import { formatBytes } from "@cpm/base";
import { namespaceOf } from "../../access/namespaces.ts";
import { copyable } from "../copyable.ts";
import { html } from "../html.ts";
import type { Html } from "../html.ts";
import { layout } from "../layout.ts";
import { httpsLink, namespacePath, packagePath } from "../links.ts";
import { formatCount } from "../counts.ts";
import { keywordList } from "../package-list.ts";
import { renderReadme } from "../readme.ts";
import { timeElement } from "../times.ts";
import { dependencyList } from "./dependencies.ts";
import { inputTable } from "./inputs.ts";
import { notices } from "./notices.ts";
import { requirementList } from "./requirements.ts";
import { versionList } from "./versions.ts";
import type { PackageView } from "./view.ts";

export function packagePage(view: PackageView): Html {
  const { visitor, manifest, versions, readme, pinned, nowMs } = view;
  const { name, version, description, inputs, dependencies } = manifest;
  const sections: readonly Section[] = [
    { id: "readme", title: "Readme", content: readmeSection(readme) },
    { id: "inputs", title: "Inputs", count: inputs.length, content: inputTable(inputs) },
    { id: "requirements", title: "Requirements", content: requirementList(manifest, view.platforms) },
    { id: "dependencies", title: "Dependencies", count: dependencies.length, content: dependencyList(dependencies) },
    {
      id: "versions",
      title: "Versions",
      count: versions.length,
      content: versionList(name, version.text, versions, nowMs),
    },
  ];
  return layout({
    visitor,
    title: `${name}${pinned ? ` ${version.text}` : ""} · ${visitor.host}`,
    description: description === "" ? `The package ${name} for ColonyOS.` : description,
    query: "",
    content: html`<article itemscope itemtype="https://schema.org/SoftwareSourceCode">
      <header class="package">
        <h1>
          <a class="namespace" href="${namespacePath(namespaceOf(name))}">${namespaceOf(name)}</a
          ><span class="quiet">/</span><wbr /><span itemprop="name">${name.slice(namespaceOf(name).length + 1)}</span>
          <span class="version" itemprop="version">${version.text}</span
          >${view.private ? html` <span class="badge">private</span>` : undefined}
        </h1>
        ${description === "" ? undefined : html`<p class="lead" dir="auto" itemprop="description">${description}</p>`}
        ${notices(view)}
        <div class="install">
          <h2 class="unseen">Install</h2>
          ${copyable(installCommand(view), "the install command")}
        </div>
        <nav class="sections" aria-label="On this page">
          <ul>
            ${sections.map(({ id, title, count }) => html`<li><a href="#${id}">${title}${count === undefined ? undefined : html` <span class="count">${count}</span>`}</a></li>`)}
            <li class="narrow"><a href="#about">About</a></li>
          </ul>
        </nav>
      </header>
      <div class="columns">
        <div class="body">
          ${sections.map(
            ({ id, title, content }) =>
              html`<section id="${id}" aria-labelledby="${id}-title">
                <h2 id="${id}-title">${title}</h2>
                ${content}
              </section>`,
          )}
        </div>
        ${about(view)}
      </div>
    </article>`,
  });
}

interface Section {
  readonly id: string;
  readonly title: string;
  readonly count?: number;
  readonly content: Html;
}

/** With the registry's address: cpm has no registry of its own that could be left out. */
export function installCommand({ visitor, manifest, pinned }: PackageView): string {
  return `cpm install ${visitor.host}/${manifest.name}${pinned ? `@${manifest.version.text}` : ""}`;
}

function readmeSection(readme: string | undefined): Html {
  if (readme === undefined || readme.trim() === "") return html`<p class="empty">This version has no README.</p>`;
  return html`<div class="readme" dir="auto">${renderReadme(readme)}</div>`;
}

function about({ manifest, owners, digest, sizeBytes, publishedAt, downloads, nowMs }: PackageView): Html {
  const { license, maintainers, repository, homepage, keywords, name, version } = manifest;
  return html`<aside id="about" aria-labelledby="about-title">
    <h2 id="about-title" class="unseen">About</h2>
    <dl class="facts">
      <div>
        <dt>Version</dt>
        <dd><a href="${packagePath(name, version.text)}">${version.text}</a></dd>
      </div>
      <div>
        <dt>Published</dt>
        <dd>${timeElement(publishedAt, nowMs)}</dd>
      </div>
      <div>
        <dt>Size</dt>
        <dd>${formatBytes(sizeBytes)}</dd>
      </div>
      <div>
        <dt>Downloads</dt>
        <dd>
          ${formatCount(downloads.last90Days)}
          <span class="quiet">in 90 days, ${formatCount(downloads.total)} in all</span>
        </dd>
      </div>
      ${
        license === undefined
          ? undefined
          : html`<div>
              <dt>License</dt>
              <dd itemprop="license">${license}</dd>
            </div>`
      }
      ${addressRow("Repository", repository)} ${addressRow("Homepage", homepage)}
      ${
        owners.length === 0
          ? undefined
          : html`<div>
              <dt>Owners of the namespace</dt>
              <dd>
                <ul class="plain">
                  ${owners.map((owner) => html`<li><bdi>${owner}</bdi></li>`)}
                </ul>
              </dd>
            </div>`
      }
      ${
        maintainers.length === 0
          ? undefined
          : html`<div>
              <dt>Maintainers</dt>
              <dd>
                <ul class="plain">
                  ${maintainers.map(maintainer)}
                </ul>
              </dd>
            </div>`
      }
      <div class="wide">
        <dt>Digest</dt>
        <dd>${copyable(digest, "the digest")}</dd>
      </div>
    </dl>
    ${keywordList(keywords)}
  </aside>`;
}

/** An address that is not linked to is still shown. */
function addressRow(title: string, address: string | undefined): Html | undefined {
  if (address === undefined) return undefined;
  const href = httpsLink(address);
  const text = address.replace(/^https:\/\//, "").replace(/\/$/, "");
  const value = href === undefined ? address : html`<a href="${href}" rel="nofollow ugc noreferrer">${text}</a>`;
  return html`<div>
    <dt>${title}</dt>
    <dd>${value}</dd>
  </div>`;
}

function maintainer({ name, url }: { readonly name: string; readonly url?: string }): Html {
  const href = httpsLink(url);
  if (href === undefined) return html`<li><bdi>${name}</bdi></li>`;
  return html`<li>
    <a href="${href}" rel="nofollow ugc noreferrer"><bdi>${name}</bdi></a>
  </li>`;
}
