import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { PackageName } from "@cpm/model";
import { splitPackageName } from "@cpm/model";
import { withFileErrors } from "@cpm/store";
import { operationError } from "../errors.ts";
import { cronScaffold } from "./cron.ts";
import { functionScaffold } from "./function.ts";
import { workflowScaffold } from "./workflow.ts";

/** What a new package starts as. */
export const scaffoldNames = ["function", "workflow", "cron"] as const;
export type ScaffoldName = (typeof scaffoldNames)[number];

export interface ScaffoldFile {
  readonly path: string;
  readonly text: string;
  readonly executable?: boolean;
}

export interface Scaffold {
  /** What it makes, in a line. */
  readonly summary: string;
  files(name: PackageName, base: string): readonly ScaffoldFile[];
}

export const scaffolds: Readonly<Record<ScaffoldName, Scaffold>> = {
  function: functionScaffold,
  workflow: workflowScaffold,
  cron: cronScaffold,
};

/**
 * Writes a new package into a directory that is empty or not there yet, and answers the paths written. Throws
 * `package/exists` when there is something in it.
 */
export function writeScaffold(root: string, name: PackageName, scaffold: ScaffoldName): readonly string[] {
  if (existsSync(root) && withFileErrors("list", root, () => readdirSync(root)).length > 0)
    throw operationError("package/exists", `${root} is not empty`);
  const { base } = splitPackageName(name);
  const files = scaffolds[scaffold].files(name, base);
  for (const { path, text, executable } of files) {
    const target = join(root, path);
    withFileErrors("write", target, () => {
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, text, { flag: "wx", mode: executable === true ? 0o755 : 0o644 });
    });
  }
  return files.map(({ path }) => path);
}
