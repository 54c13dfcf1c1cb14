import { html } from "./html.ts";
import type { Html } from "./html.ts";

/** Text to be copied. The button is shown by the script; without it the text is selected as a whole by one click. */
export function copyable(text: string, what: string): Html {
  return html`<span class="copyable"
    ><code>${text}</code><button type="button" hidden data-copy="${text}" aria-label="Copy ${what}">Copy</button></span
  >`;
}
