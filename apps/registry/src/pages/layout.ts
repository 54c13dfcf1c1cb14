import { assets } from "./assets/assets.ts";
import { html } from "./html.ts";
import type { Html } from "./html.ts";

/** What every page needs of the request that asks for it. */
export interface Visitor {
  /** The host that clients reach the registry by. */
  readonly host: string;
  /** Where this page is, to come back to after signing in. */
  readonly path: string;
  /** The name of who is signed in; undefined for everybody else. */
  readonly name: string | undefined;
  /** Whether signing in could show more. */
  readonly maySignIn: boolean;
}

export interface LayoutView {
  readonly visitor: Visitor;
  readonly title: string;
  readonly description: string;
  /** What stands in the search field of the header; undefined for a page that has a field of its own. */
  readonly query?: string | undefined;
  readonly content: Html;
}

export function layout({ visitor, title, description, query, content }: LayoutView): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
        <meta name="description" content="${description}" />
        <meta property="og:title" content="${title}" />
        <meta property="og:description" content="${description}" />
        <meta property="og:type" content="website" />
        <meta property="og:site_name" content="${visitor.host}" />
        <link rel="icon" type="image/svg+xml" href="${assets.icon.path}" />
        <link rel="stylesheet" href="${assets.style.path}" />
        <script defer src="${assets.script.path}"></script>
      </head>
      <body>
        <a class="skip" href="#content">Skip to the content</a>
        <header class="site">
          <div class="bar">
            <a class="brand" href="/"
              ><img src="${assets.icon.path}" alt="" width="28" height="28" /><span>${visitor.host}</span></a
            >
            ${query === undefined ? undefined : searchField(query)} ${account(visitor)}
          </div>
        </header>
        <main id="content" tabindex="-1">${content}</main>
        <footer class="site">
          <p>Packages for ColonyOS. <a href="/api/v1/search">The same as JSON</a></p>
        </footer>
        <p id="status" role="status" class="unseen"></p>
      </body>
    </html> `;
}

/** `more` are fields that are sent along. */
export function searchField(query: string, more: readonly Html[] = []): Html {
  return html`<form class="search" role="search" action="/" method="get">
    <label class="unseen" for="q">Search packages</label>
    <input
      id="q"
      type="search"
      name="q"
      value="${query}"
      maxlength="200"
      placeholder="Search packages"
      autocomplete="off"
      spellcheck="false"
    />
    <button type="submit">Search</button>
    ${more}
  </form>`;
}

function account({ name, path, maySignIn }: Visitor): Html | undefined {
  if (name !== undefined)
    return html`<p class="account"><span class="unseen">Signed in as </span><bdi>${name}</bdi></p>`;
  if (!maySignIn) return undefined;
  return html`<p class="account"><a href="/signin?to=${encodeURIComponent(path)}">Sign in</a></p>`;
}
