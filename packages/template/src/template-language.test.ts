import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseJson } from "@cpm/base";
import type { Manifest } from "@cpm/model";
import { parseManifest, resolveInputs } from "@cpm/model";
import conformance from "./cel/conformance.json";
import { functionNames, macroNames } from "./cel/signatures.ts";
import { checkTemplates } from "./check-templates.ts";
import { defaultTemplateLimits } from "./limits.ts";
import { parseTemplates } from "./parse-templates.ts";
import { redactedJson } from "./rendered.ts";
import { renderTemplates } from "./render-templates.ts";
import { resourceKinds } from "./resources/kinds.ts";
import { checkResources } from "./resources/resource.ts";
import { scopeRoots } from "./scope.ts";
import { scopeWith, summary } from "./testing/templates.ts";

const page = readFileSync(fileURLToPath(new URL("../../../docs/template-language.md", import.meta.url)), "utf8");

interface Block {
  readonly kind: string;
  readonly text: string;
  readonly line: number;
}

function blocks(): Block[] {
  return [...page.matchAll(/^```\w+ (\w+)\n([\s\S]*?)^```$/gm)].map((match) => ({
    kind: match[1] ?? "",
    text: match[2] ?? "",
    line: page.slice(0, match.index).split("\n").length,
  }));
}

const found = blocks();
const manifest: Manifest = parseManifest({
  path: "colony.yaml",
  text: `apiVersion: cpm/v1\nname: a/b\nversion: 1.2.0\n${found.find((block) => block.kind === "manifest")?.text ?? ""}`,
});
const examples = found.flatMap((block, index) => {
  const result = found[index + 1];
  return block.kind === "template" && result !== undefined ? [[block.line, block.text, result] as const] : [];
});

describe("the examples of the page", () => {
  test("are there, each with what comes of it", () => {
    expect(examples.length).toBeGreaterThanOrEqual(10);
    expect(found.filter((block) => block.kind === "template")).toHaveLength(examples.length);
    expect([...new Set(examples.map(([, , result]) => result.kind))].sort()).toEqual(["refused", "renders"]);
  });

  test.each(examples)("line %d", (_line, text, result) => {
    const { documents, diagnostics } = parseTemplates([{ path: "t.yaml", text }]);
    const faults = [...diagnostics, ...checkTemplates(documents, manifest)].filter(
      (fault) => fault.severity === "error",
    );
    if (faults.length > 0) {
      expect(`${faults.map(summary).join("\n")}\n`).toBe(result.text);
      return;
    }
    const rendered = renderTemplates(documents, scopeWith(resolveInputs(manifest.inputs, [])));
    const rules = checkResources(rendered).diagnostics;
    if (result.kind === "refused") expect(`${rules.map(summary).join("\n")}\n`).toBe(result.text);
    else {
      expect(rules).toEqual([]);
      expect(rendered.map(({ root }) => redactedJson(root))).toEqual([parseJson(result.text)]);
    }
  });
});

describe("the page names", () => {
  test.each([...functionNames, ...macroNames])("the function %s", (name) => {
    expect(page).toMatch(new RegExp(`\`[^\`\n]*\\b${name}\\(`));
  });

  test("no function that does not exist", () => {
    const known = new Set([...functionNames, ...macroNames]);
    const tables = page.slice(page.indexOf("## Operators and functions"), page.indexOf("There are no timestamps"));
    const named = [...tables.matchAll(/(?:^|[`.\s(])([a-z]\w*)\(/gim)].map((match) => match[1] ?? "");
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  test.each([...resourceKinds, ...scopeRoots, "$if", "$for", "$value", "$$"])("%s", (name) => {
    expect(page).toContain(`| \`${name}`);
  });

  test.each(Object.entries(defaultTemplateLimits))("the limit %s, with its number", (name, value) => {
    const shown = value < 10_000 ? String(value) : String(value).replace(/\B(?=(\d{3})+$)/g, " ");
    expect(page).toContain(`| \`${name}\` | ${shown} |`);
  });

  test("the score of the conformance cases", () => {
    const { passed, failing, total, skipped } = conformance;
    const run = passed + Object.keys(failing).length;
    expect(page.replace(/\s+/g, " ")).toContain(`Of the ${run} that concern what templates offer, ${passed} pass`);
    expect(page).toContain(`Not run are ${total - run} of the ${total}:`);
    for (const [reason, count] of Object.entries(skipped)) expect(page).toContain(`| ${count} | ${reason} |`);
  });
});
