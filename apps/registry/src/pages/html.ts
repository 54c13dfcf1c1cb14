/** A piece of a page. Only `html` and `trustedHtml` make one, so text cannot be taken for one. */
export class Html {
  /** Private, so that no object of another kind has this type. */
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

/** What may stand in a page. Text and numbers are escaped, lists are joined, `undefined` is left out. */
export type HtmlValue = Html | string | number | undefined | readonly HtmlValue[];

/**
 * A template of a page: html`<p title="${text}">${text}</p>`. What is put in is escaped for elements and for
 * attributes in double quotes; it must not be put anywhere else: no bare attribute, no script, no style.
 */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  let text = parts[0] ?? "";
  for (const [index, value] of values.entries()) text += format(value) + (parts[index + 1] ?? "");
  return new Html(text);
}

/** Takes text for a piece of a page, as it is: for the Markdown renderer, which escapes by itself. */
export function trustedHtml(text: string): Html {
  return new Html(text);
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => entities[char] ?? char);
}

function format(value: HtmlValue): string {
  if (value === undefined) return "";
  if (value instanceof Html) return value.toString();
  if (typeof value === "string" || typeof value === "number") return escapeHtml(String(value));
  return value.map(format).join("");
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
