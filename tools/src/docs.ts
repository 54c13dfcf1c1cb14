import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { cliPage } from "./docs/cli-page.ts";
import { gatherErrorTables } from "./docs/error-tables.ts";
import { errorsPage } from "./docs/errors-page.ts";
import { manifestPage, manifestSchemaFile } from "./docs/manifest-page.ts";
import { openApiFile } from "./docs/openapi-file.ts";

/** A file that is made from the code. The path is relative to the root. */
export interface GeneratedFile {
  readonly path: string;
  readonly text: string;
}

/** Makes every generated file, and writes none. Throws where the code has what cannot be documented. */
export async function generateDocs(root: string): Promise<readonly GeneratedFile[]> {
  return [
    { path: "docs/errors.md", text: errorsPage(introduction("errors"), await gatherErrorTables(root)) },
    { path: "docs/manifest.md", text: manifestPage(introduction("manifest")) },
    { path: "docs/manifest.schema.json", text: manifestSchemaFile() },
    { path: "docs/openapi.json", text: openApiFile() },
    { path: "docs/cli.md", text: await cliPage(introduction("cli")) },
  ];
}

/** The paths whose file is missing or says something else. */
export function outdatedFiles(root: string, files: readonly GeneratedFile[]): readonly string[] {
  return files.filter(({ path, text }) => currentText(join(root, path)) !== text).map(({ path }) => path);
}

/** The hand-written part of a page. */
function introduction(page: string): string {
  return readFileSync(join(import.meta.dir, "docs", `${page}.intro.md`), "utf8");
}

function currentText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** `bun run docs` writes the files; `bun run docs --check` only says which are not up to date. */
async function main(root: string, args: readonly string[]): Promise<number> {
  const check = args[0] === "--check";
  if (args.length > (check ? 1 : 0)) {
    process.stderr.write("usage: bun run docs [--check]\n");
    return 2;
  }
  const files = await generateDocs(root);
  const outdated = new Set(outdatedFiles(root, files));
  for (const { path, text } of files.filter((file) => outdated.has(file.path))) {
    process.stdout.write(`${check ? "not up to date, run `bun run docs`:" : "wrote"} ${path}\n`);
    if (check) continue;
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return check && outdated.size > 0 ? 1 : 0;
}

if (import.meta.main) process.exitCode = await main(join(import.meta.dir, "../.."), process.argv.slice(2));
