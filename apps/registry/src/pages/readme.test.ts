import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { renderReadme } from "./readme.ts";

const render = (text: string): string => String(renderReadme(text));

/** Every element with its attributes, as a browser would see them. */
function elementsOf(page: string): readonly string[] {
  const elements: string[] = [];
  const rewriter = new HTMLRewriter().on("*", {
    element(element) {
      elements.push(
        `${element.tagName} ${[...element.attributes].map(([name, value]) => `${name}=${value}`).join(" ")}`,
      );
    },
  });
  rewriter.transform(page);
  return elements;
}

describe("a README", () => {
  test.each([
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\\\nscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](data:text/html,<script>)",
    "[x](vbscript:x)",
    "[x](file:///etc/passwd)",
    "[x](//other.example)",
    "[x](http://insecure.example)",
    "[x](docs/more.md)",
    "<javascript:alert(1)>",
    "[x]\n\n[x]: javascript:alert(1)",
  ])("does not link to %p", (text) => {
    expect(elementsOf(render(text)).filter((element) => element.startsWith("a "))).toEqual([]);
  });

  test("links to https, to mail and to its own headings, without passing anything on", () => {
    expect(
      elementsOf(render("[a](https://a.example/b?c&d) [b](mailto:a@b.example) [c](#The-End) https://e.example")),
    ).toEqual([
      "p ",
      "a href=https://a.example/b?c&amp;d rel=nofollow ugc noreferrer",
      "a href=mailto:a@b.example rel=nofollow ugc noreferrer",
      "a href=#readme-The-End rel=nofollow ugc noreferrer",
      "a href=https://e.example/ rel=nofollow ugc noreferrer",
    ]);
  });

  test("shows HTML as text", () => {
    const page = render(
      '<img src=x onerror=alert(1)>\n\n<script>alert(1)</script>\n\na <b onclick="x">b</b> <!-- c -->',
    );
    expect(elementsOf(page)).toEqual(["p ", "p ", "p "]);
    expect(page).toContain("&lt;script&gt;");
  });

  test("loads no image: it becomes a link, and in a link its text", () => {
    const page = render(
      '![a "b"](https://a.example/b.png) [![c](https://d.example/e.png)](https://f.example) ![g](h.png)',
    );
    expect(elementsOf(page).filter((element) => /^(img|a) /.test(element))).toEqual([
      "a href=https://a.example/b.png rel=nofollow ugc noreferrer",
      "a href=https://f.example/ rel=nofollow ugc noreferrer",
    ]);
    expect(page).toContain("Image: g");
  });

  test("has headings below those of the page, with ids that are not the page's own", () => {
    expect(render("# Inputs\n## Inputs\n###### Deep & down")).toBe(
      '<h3 id="readme-inputs">Inputs</h3>\n<h4 id="readme-inputs-1">Inputs</h4>\n<h6 id="readme-deep--down">Deep &amp; down</h6>\n',
    );
  });

  test("has no style attribute, which the policy of the page refuses", () => {
    const page = render("| a | b |\n|:-:|--:|\n| 1 | 2 |");
    expect(page).not.toContain("style=");
    expect(page).toContain('<td class="align-right">2</td>');
  });

  test("has only known elements and attributes, whatever is written", () => {
    const pieces = [
      "[",
      "](",
      ")",
      "<",
      ">",
      "!",
      "`",
      "*",
      "#",
      "|",
      "\n",
      "- ",
      "&",
      '"',
      "javascript:",
      "https://a.b/",
      "<script>",
      " onload=x ",
      "\\",
      "a",
    ];
    const allowed =
      /^(a|p|h[3-6]|em|strong|s|code|pre|ul|ol|li|table|thead|tbody|tr|th|td|div|span|br|hr|blockquote) (?!.*\bon\w+=)/;
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 60 }), (parts) => {
        for (const element of elementsOf(render(parts.join("")))) {
          expect(element).toMatch(allowed);
          if (element.startsWith("a ")) expect(element).toMatch(/^a href=(https:|mailto:|#readme-)/);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("that nests as deep as it can, or repeats what is dear, is rendered all the same", () => {
    const size = 128 * 1024;
    for (const piece of [">", "[", "![", "*a ", "_a_", "- ", "<", "`", "&", "[a](", "~~a", "https://"])
      expect(render(piece.repeat(size / piece.length)).length).toBeGreaterThan(0);
  });

  test("that is too long is shown as it was written", () => {
    const text = `# a <b>\n${"x".repeat(128 * 1024)}`;
    expect(render(text)).toStartWith('<pre tabindex="0"># a &lt;b&gt;');
  });
});
