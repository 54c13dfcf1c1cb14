import MarkdownIt from "markdown-it";
import type { Token } from "markdown-it";
import { escapeHtml, html, trustedHtml } from "./html.ts";
import type { Html } from "./html.ts";

/** A longer one is shown as it was written: the worst that is shorter takes about half a second. */
const maxRenderedLength = 128 * 1024;
/** Of all that are kept, in characters. */
const maxKeptLength = 16 * 1024 * 1024;

const kept = new Map<string, Html>();
let keptLength = 0;

/**
 * A README as a piece of a page. Markdown's own HTML is shown as text. Links lead to https, to mail addresses and to
 * headings of the same README; others are only text. An image is a link: to show it would tell its host who reads.
 */
export function renderReadme(text: string): Html {
  if (text.length > maxRenderedLength) return html`<pre tabindex="0">${text}</pre>`;
  const known = kept.get(text);
  if (known !== undefined) return known;
  const rendered = trustedHtml(markdown.render(text));
  keep(text, rendered);
  return rendered;
}

/** Each is rendered once and not for every reader; when there are too many, all are forgotten. */
function keep(text: string, rendered: Html): void {
  const length = text.length + rendered.toString().length;
  if (keptLength + length > maxKeptLength) {
    kept.clear();
    keptLength = 0;
  }
  kept.set(text, rendered);
  keptLength += length;
}

const linkRelation = "nofollow ugc noreferrer";
const markdown = createMarkdown();

function createMarkdown(): InstanceType<typeof MarkdownIt> {
  const parser = new MarkdownIt({ html: false, linkify: true, typographer: false, maxNesting: 50 });
  // Only what is written as an address: `example.org` in a text is no link.
  parser.linkify.set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false });
  // Every one is read as a link, and `judgeLinks` says what becomes of it.
  parser.validateLink = () => true;
  parser.core.ruler.push("package_page", (state) => {
    nameHeadings(state.tokens);
    for (const token of state.tokens) if (/^t[hd]_open$/.test(token.type)) alignByClass(token);
  });
  const { rules } = parser.renderer;
  const render = parser.renderer.renderToken.bind(parser.renderer);
  rules["table_open"] = (tokens, index, options) =>
    `<div class="scroll" tabindex="0" role="group" aria-label="Table">${render(tokens, index, options)}`;
  rules["table_close"] = (tokens, index, options) => `${render(tokens, index, options)}</div>`;
  rules["fence"] = rules["code_block"] = (tokens, index) =>
    `<pre tabindex="0"><code>${escapeHtml(tokens[index]?.content ?? "")}</code></pre>\n`;
  rules["image"] = (tokens, index) => formatImage(tokens[index]);
  return parser;
}

/** Undefined for what is not linked to: other schemes, and paths, which lead nowhere from here. */
function hrefOf(url: string): string | undefined {
  if (/^#[^\s]+$/.test(url)) return `#readme-${url.slice(1)}`;
  if (!/^(https:\/\/|mailto:)/i.test(url) || !URL.canParse(url)) return undefined;
  const { protocol, href } = new URL(url);
  return protocol === "https:" || protocol === "mailto:" ? href : undefined;
}

/** Within a link it is only its text: a link in a link is none. */
function formatImage(token: Token | undefined): string {
  const url = String(token?.attrGet("src") ?? "");
  const text = token?.content ?? "";
  const label = `<span class="image">Image${text === "" ? "" : `: ${escapeHtml(text)}`}</span>`;
  const href = hrefOf(url);
  if (token?.meta?.inLink === true || href?.startsWith("https:") !== true) return label;
  return `<a href="${escapeHtml(href)}" rel="${linkRelation}">${label}</a>`;
}

/** The page has the first two levels; and an id begins with `readme-`, so that it is none of the page's own. */
function nameHeadings(tokens: readonly Token[]): void {
  const counts = new Map<string, number>();
  for (const [index, token] of tokens.entries()) {
    if (token.type === "inline") judgeLinks(token.children ?? []);
    if (token.type !== "heading_open" && token.type !== "heading_close") continue;
    token.tag = `h${Math.min(Number(token.tag.slice(1)) + 2, 6)}`;
    if (token.type === "heading_close") continue;
    const slug = slugOf(tokens[index + 1]?.content ?? "");
    const count = counts.get(slug) ?? 0;
    counts.set(slug, count + 1);
    token.attrSet("id", `readme-${slug}${count === 0 ? "" : `-${count}`}`);
  }
}

/** What may not be linked to stays as its text. */
function judgeLinks(tokens: readonly Token[]): void {
  let opened: Token | undefined;
  for (const token of tokens) {
    if (token.type === "image") token.meta = { inLink: opened !== undefined };
    if (token.type === "link_close" && opened !== undefined) {
      token.tag = opened.tag;
      opened = undefined;
    }
    if (token.type !== "link_open") continue;
    opened = token;
    const href = hrefOf(String(token.attrGet("href") ?? ""));
    if (href === undefined) token.tag = "span";
    token.attrs =
      href === undefined
        ? null
        : [
            ["href", href],
            ["rel", linkRelation],
          ];
  }
}

/** As the sites make them on which the README is written. */
function slugOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replace(/\s/g, "-")
    .slice(0, 100);
}

/** The page's policy refuses style attributes. */
function alignByClass(token: Token): void {
  const align = /text-align:(left|center|right)/.exec(String(token.attrGet("style") ?? ""))?.[1];
  if (token.attrs !== null) token.attrs = token.attrs.filter(([name]) => name !== "style");
  if (align !== undefined) token.attrSet("class", `align-${align}`);
}
