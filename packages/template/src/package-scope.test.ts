import { expect, test } from "bun:test";
import type { Manifest } from "@cpm/model";
import { parseManifest } from "@cpm/model";
import { hidePackage } from "./cel/reserved-package.ts";
import { checkTemplates, parseTemplates, renderTemplates } from "./index.ts";
import { redactedJson } from "./rendered.ts";
import type { RenderScope } from "./scope.ts";

const manifest: Manifest = parseManifest({
  path: "colony.yaml",
  text: "apiVersion: cpm/v1\nname: rise/wordcount\nversion: 1.2.0\n",
});
const scope: RenderScope = {
  inputs: {},
  release: { name: "wordcount", revision: 3, colony: "dev" },
  package: { name: "rise/wordcount", version: "1.2.0", digest: "", path: "/trees/root" },
  deps: {},
};

function render(expression: string): unknown {
  const text = `kind: Function\nname: f\nspec: {funcname: f, kwargs: {value: ${JSON.stringify(`\${${expression}}`)}}}\n`;
  const parsed = parseTemplates([{ path: "templates/f.yaml", text }]);
  const faults = [...parsed.diagnostics, ...checkTemplates(parsed.documents, manifest)];
  if (faults.length > 0) return faults.map(({ code, message }) => `${code}: ${message}`);
  const [document] = renderTemplates(parsed.documents, scope);
  if (document === undefined) throw new Error("nothing was rendered");
  return (redactedJson(document.root) as { spec: { kwargs: { value: unknown } } }).spec.kwargs.value;
}

test("package is in scope although CEL reserves the word", () => {
  expect(render("package.path + '/payload/run.sh'")).toBe("/trees/root/payload/run.sh");
  expect(render("has(package.version)")).toBe(true);
  expect(render("package['name']")).toBe("rise/wordcount");
});

test("the word package is left alone in strings and as a field", () => {
  expect(render("'a package of ' + package.name")).toBe("a package of rise/wordcount");
  expect(render(String.raw`'it\'s a package' + r'\' + "package"`)).toBe(String.raw`it's a package\package`);
  expect(render("{'package': 1}.package")).toBe(1);
});

test("a loop variable called package is the loop's", () => {
  expect(render("[1, 2].map(package, package * 2)")).toEqual([2, 4]);
});

test("a fault about package names it as it was written", () => {
  expect(render("package.nam")).toEqual([expect.stringMatching(/^template\/unknown-field: .*nam/)]);
  expect(render("release.name + package.path.nam")).toEqual([expect.not.stringContaining("_pkg_in")]);
});

test("hiding keeps the length, so offsets stay right", () => {
  for (const source of [
    "package.path",
    "'package' + package.name // package",
    '"""package""" + r"\\" + package.name',
  ]) {
    expect(hidePackage(source)).toHaveLength(source.length);
  }
});
