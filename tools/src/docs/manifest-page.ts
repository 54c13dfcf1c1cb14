import { stringifyJson } from "@cpm/base";
import { manifestJsonSchema, manifestReference } from "@cpm/model";
import { generatedMark, joinSections } from "./markdown.ts";

/** `docs/manifest.md`: the introduction, then the table of every field. */
export function manifestPage(introduction: string): string {
  return joinSections([
    generatedMark("tools/src/docs/manifest.intro.md and packages/model/src/manifest.ts"),
    introduction,
    `## Every field\n\n${manifestReference()}`,
  ]);
}

/** `docs/manifest.schema.json`, for editors. */
export function manifestSchemaFile(): string {
  return `${stringifyJson(manifestJsonSchema(), 2)}\n`;
}
