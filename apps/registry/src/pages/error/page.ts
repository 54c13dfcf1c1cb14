import { html } from "../html.ts";
import type { Html } from "../html.ts";
import { layout } from "../layout.ts";
import type { Visitor } from "../layout.ts";

export interface ErrorView {
  readonly visitor: Visitor;
  readonly status: number;
  readonly message: string;
  readonly hint?: string | undefined;
}

const titles: Readonly<Record<number, string>> = {
  400: "This cannot be read",
  401: "Not signed in",
  403: "Not permitted",
  404: "Not found",
  429: "Too many requests",
  500: "Something went wrong here",
  507: "The registry is full",
};

export function errorPage({ visitor, status, message, hint }: ErrorView): Html {
  const title = titles[status] ?? (status >= 500 ? "Something went wrong here" : "This did not work");
  const signIn = status === 404 && visitor.maySignIn;
  return layout({
    visitor,
    title: `${title} · ${visitor.host}`,
    description: title,
    query: "",
    content: html`<div class="error">
      <p class="quiet">${status}</p>
      <h1>${title}</h1>
      <p class="lead" dir="auto">${sentence(message)}</p>
      ${hint === undefined ? undefined : html`<p>${hint}</p>`}
      ${signIn ? html`<p>What is private is shown only to who may see it: <a href="/signin?to=${encodeURIComponent(visitor.path)}">sign in</a>.</p>` : undefined}
      <p><a href="/">All packages</a></p>
    </div>`,
  });
}

/** Errors are written as phrases. */
function sentence(message: string): string {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
