import type { Diagnostic } from "@cpm/base";
import type { SourceFile } from "@cpm/model";
import { templateFault } from "./errors.ts";
import type { TemplateLimits } from "./limits.ts";

/** What a mark is: whatever can begin or end a value, so that the reader of YAML has something to do. */
const marks = /[\n,[]|(?<!\$)\{|[-:?](?=\s)|[!&*%](?=\S)|""/g;
const documentStarts = /^---(?:\s|$)/gm;

/** Why these files are too much to be read at all, found without reading them; undefined when they are not. */
export function textFault(files: readonly SourceFile[], limits: TemplateLimits): Diagnostic | undefined {
  const total = (count: (text: string) => number): number => files.reduce((sum, file) => sum + count(file.text), 0);
  // The length first: counting the rest of a text of any length would take time itself.
  return (
    overLimit(
      total((text) => text.length),
      limits.maxTextLength,
      "characters",
    ) ??
    overLimit(
      total((text) => countMatches(text, marks)),
      limits.maxTextMarks,
      "line ends, commas, brackets and colons",
    ) ??
    overLimit(files.length + total((text) => countMatches(text, documentStarts)), limits.maxDocuments, "documents")
  );
}

function overLimit(found: number, limit: number, what: string): Diagnostic | undefined {
  if (found <= limit) return undefined;
  const hint = "Put data into the payload, and what repeats into $for.";
  return templateFault("template/budget", {
    message: `the templates have ${found} ${what}; ${limit} are allowed`,
    hint,
  });
}

function countMatches(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}
