import { expect, test } from "bun:test";
import fc from "fast-check";
import { html } from "./html.ts";

test("text is escaped in elements and attributes, and a piece of a page is not escaped twice", () => {
  const inner = html`<b>${"<&>"}</b>`;
  expect(String(html`<p title="${`"'><x`}">${inner}${["a<", 1, undefined, inner]}</p>`)).toBe(
    `<p title="&quot;&#39;&gt;&lt;x"><b>&lt;&amp;&gt;</b>a&lt;1<b>&lt;&amp;&gt;</b></p>`,
  );
});

test("what looks like a piece of a page but was not made as one is refused by its type", () => {
  const parsed: unknown = JSON.parse('{"text":"<script>"}');
  expect(() => String(html`${parsed as string}`)).toThrow(TypeError);
});

test("whatever text is put in comes out as that text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const page = String(html`<p>${text}</p>`);
      expect(page.slice(3, -4)).not.toMatch(/[<>"']/);
      expect(decode(page.slice(3, -4))).toBe(text);
    }),
  );
});

function decode(text: string): string {
  const named: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', "#39": "'", amp: "&" };
  return text.replace(/&(lt|gt|quot|#39|amp);/g, (_, name: string) => named[name] ?? "");
}
