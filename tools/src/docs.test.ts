import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { readManifest } from "@cpm/model";
import { checkTemplates, parseTemplates } from "@cpm/template";
import { generateDocs, outdatedFiles } from "./docs.ts";
import { readVariables, testVariables, variablesIn, workVariables } from "./docs/environment.ts";
import { cellText } from "./docs/markdown.ts";
import { readWorkspace } from "./ladder.ts";

const root = join(import.meta.dir, "../..");
const scratch = mkdtempSync(join(tmpdir(), "cpm-docs-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

test("the generated pages are up to date", async () => {
  expect(outdatedFiles(root, await generateDocs(root))).toEqual([]);
});

test("a page that is missing or was changed by hand is not up to date", () => {
  const files = ["a", "b", "c"].map((name) => ({ path: `docs/${name}.md`, text: "as it should be\n" }));
  mkdirSync(join(scratch, "docs"));
  writeFileSync(join(scratch, "docs/a.md"), "as it should be\n");
  writeFileSync(join(scratch, "docs/b.md"), "as it should be, by hand\n");
  expect(outdatedFiles(scratch, files)).toEqual(["docs/b.md", "docs/c.md"]);
});

test("the examples of the manifest page are right", () => {
  const page = readFileSync(join(import.meta.dir, "docs/manifest.intro.md"), "utf8");
  const examples = [...page.matchAll(/```yaml\n(.*?)```/gs)].map((match) => match[1] ?? "");
  const [manifestText = "", dependencies = "", requires = "", templateText = ""] = examples;
  const { manifest, diagnostics } = readManifest({ path: "colony.yaml", text: manifestText });
  expect(diagnostics).toEqual([]);
  if (manifest === undefined) throw new Error("the example manifest cannot be read");
  const parsed = parseTemplates([{ path: "templates/wordcount.yaml", text: templateText }]);
  expect([...parsed.diagnostics, ...checkTemplates(parsed.documents, manifest)]).toEqual([]);
  const head = "apiVersion: cpm/v1\nname: a/b\nversion: 1.0.0\ninputs: [{key: gpu, type: bool, default: false}]\n";
  const parts = readManifest({ path: "colony.yaml", text: `${head}${dependencies}${requires}` });
  expect(parts.diagnostics).toEqual([]);
  expect(parts.manifest === undefined ? [] : checkTemplates([], parts.manifest)).toEqual([]);
  expect([parts.manifest?.dependencies.length, parts.manifest?.requires.executors.length]).toEqual([4, 1]);
});

test("every variable that the programs name is in the reference, and no other", () => {
  const { sources } = readWorkspace(root);
  const code = sources.filter(
    ({ path }) => /^(packages|apps\/cli)\//.test(path) && !/\.test\.ts$|\/testing\//.test(path),
  );
  const named = new Set(code.flatMap(({ text }) => variablesIn(text)));
  const documented = [...readVariables, ...workVariables].map(({ name }) => name);
  expect([...named].toSorted()).toEqual([...documented, ...testVariables].toSorted());
});

test("every file and script that a page names is there", () => {
  const pages = ["*.md", "docs/**/*.md"].flatMap((pattern) => [...new Bun.Glob(pattern).scanSync({ cwd: root })]);
  expect(pages).toContain("CONTRIBUTING.md");
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const missing = pages.flatMap((page) => {
    const text = readFileSync(join(root, page), "utf8");
    const files = matches(text, /`((?:apps|packages|tools|tests|bench|docs)\/[\w./-]+)`/g).filter(
      (path) => !path.includes("/NAME."),
    );
    const links = matches(text, /\]\(([\w./-]+)(?:#[\w-]+)?\)/g).map((link) => join(dirname(page), link));
    const commands = matches(text, /\bbun(?:@[\d.]+)? run ([a-z]+)/g).filter((name) => !Object.hasOwn(scripts, name));
    return [...files, ...links]
      .filter((path) => !existsSync(join(root, path)))
      .concat(commands)
      .map((name) => `${page}: ${name}`);
  });
  expect(missing).toEqual([]);
});

function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, found = ""]) => found);
}

test("a prefix is no variable", () => {
  expect(variablesIn("`CPM_*`, COLONIES_SERVER_HOST, _PORT and $NO_COLOR")).toEqual([
    "COLONIES_SERVER_HOST",
    "NO_COLOR",
  ]);
});

test("a cell keeps bars and angle brackets as they are", () => {
  expect(cellText('">=1.2 <3", "1.x || 2.x"')).toBe('">=1.2 &lt;3", "1.x \\|\\| 2.x"');
  expect(cellText("`<int>m` or <n>\nmore")).toBe("`<int>m` or &lt;n> more");
});
