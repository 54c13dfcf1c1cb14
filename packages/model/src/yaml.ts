import { createError, printable } from "@cpm/base";
import type { JsonValue } from "@cpm/base";
import { isAlias, isMap, isPair, isScalar, isSeq, LineCounter, parseAllDocuments } from "yaml";
import type { Document, ParsedNode, YAMLMap, YAMLSeq } from "yaml";
import { faultsError, modelErrors } from "./errors.ts";
import { Faults } from "./faults.ts";
import type { SourceEntry, SourceFile, SourceNode, SourceRange } from "./source.ts";

export interface ParseSourceOptions {
  /** In UTF-16 code units. Default: 1 Mi, more than anybody writes by hand. */
  readonly maxLength?: number;
}

/** Limits of one text, in UTF-16 code units and levels of nesting. */
const sourceLimits: { readonly maxLength: number; readonly maxDepth: number } = {
  maxLength: 1024 * 1024,
  maxDepth: 64,
};

/**
 * Reads a YAML 1.2 text (core schema; JSON is YAML) of any number of documents. What could be read in two ways
 * or could make a small text large is refused: anchors, aliases, tags, merge keys, duplicate keys and keys that
 * are not strings. Empty documents are left out. Throws `source/syntax`, `source/unsupported` or
 * `source/too-large`, with every fault and its place.
 */
export function parseSource(
  file: SourceFile,
  { maxLength = sourceLimits.maxLength }: ParseSourceOptions = {},
): SourceNode[] {
  if (file.text.length > maxLength) {
    throw createError(
      modelErrors,
      "source/too-large",
      `${file.path} has ${file.text.length} characters, more than ${maxLength}`,
    );
  }
  const documents = composeDocuments(file);
  const syntax = new Faults();
  for (const document of documents) {
    for (const error of document.errors) {
      syntax.add("source/syntax", { file, range: error.pos }, firstSentence(error.message), hintFor(error.code));
    }
  }
  if (syntax.diagnostics.length > 0) throw faultsError("source/syntax", syntax.diagnostics);
  const faults = new Faults();
  const converter = new Converter(file, faults, syntax);
  const nodes = documents.flatMap((document) =>
    document.contents === null || isEmptyDocument(document) ? [] : [converter.convert(document.contents, 0)],
  );
  if (syntax.diagnostics.length > 0) throw faultsError("source/syntax", syntax.diagnostics);
  if (faults.diagnostics.length > 0) throw faultsError("source/unsupported", faults.diagnostics);
  return nodes;
}

/** The plain value of a node; an integer that a double holds exactly becomes a number. */
export function sourceToJson(node: SourceNode): JsonValue {
  if (node.kind === "list") return node.items.map(sourceToJson);
  if (node.kind === "map")
    return Object.fromEntries(node.entries.map((entry) => [entry.key, sourceToJson(entry.value)]));
  return typeof node.value === "bigint" ? integerToJson(node.value) : node.value;
}

export function integerToJson(value: bigint): number | bigint {
  return BigInt.asIntN(54, value) === value && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function composeDocuments(file: SourceFile): Document.Parsed[] {
  const lineCounter = new LineCounter();
  try {
    const documents = parseAllDocuments(file.text, {
      version: "1.2",
      schema: "core",
      intAsBigInt: true,
      merge: false,
      // The library compares every key with every other; the converter below does it in one pass.
      uniqueKeys: false,
      prettyErrors: false,
      lineCounter,
    });
    return Array.isArray(documents) ? documents : [];
  } catch (cause) {
    // The composer recurses: a text of brackets alone exhausts the stack.
    if (!(cause instanceof RangeError)) throw cause;
    throw createError(modelErrors, "source/unsupported", `${file.path} is nested too deeply to be read`, { cause });
  }
}

function isEmptyDocument(document: Document.Parsed): boolean {
  const { contents } = document;
  return isScalar(contents) && contents.value === null && contents.range[0] === contents.range[1];
}

function firstSentence(message: string): string {
  return printable(message.split("\n")[0] ?? message, 300);
}

function hintFor(code: string): string | undefined {
  if (code === "TAB_AS_INDENT") return "Indent with spaces: YAML does not allow tabs.";
  return undefined;
}

class Converter {
  readonly #file: SourceFile;
  readonly #faults: Faults;
  readonly #syntax: Faults;

  constructor(file: SourceFile, faults: Faults, syntax: Faults) {
    this.#file = file;
    this.#faults = faults;
    this.#syntax = syntax;
  }

  convert(node: ParsedNode | null, depth: number): SourceNode {
    if (node === null) return this.#scalar(null, [0, 0]);
    const range: SourceRange = [node.range[0], node.range[1]];
    if (depth > sourceLimits.maxDepth) {
      this.#refuse(range, `nested deeper than ${sourceLimits.maxDepth} levels`);
      return this.#scalar(null, range);
    }
    if (isAlias(node)) {
      this.#refuse(range, "aliases are not used here", "Write the value out.");
      return this.#scalar(null, range);
    }
    if (node.anchor !== undefined) this.#refuse(range, "anchors are not used here", "Write the value out.");
    if (node.tag !== undefined)
      this.#refuse(range, `the tag ${printable(node.tag, 60)} is not used here`, "Leave it out.");
    if (isMap(node)) return this.#map(node, range, depth);
    if (isSeq(node)) return this.#list(node, range, depth);
    return this.#scalar(this.#checkScalar(node.value, range), range);
  }

  #map(node: YAMLMap.Parsed, range: SourceRange, depth: number): SourceNode {
    const seen = new Set<string>();
    const entries = node.items.flatMap((pair): SourceEntry[] => {
      const keyNode = pair.key;
      const keyRange: SourceRange = [keyNode.range[0], keyNode.range[1]];
      if (!isScalar(keyNode) || typeof keyNode.value !== "string") {
        this.#refuse(keyRange, "a key is not a string", "Put it in quotes.");
        return [];
      }
      this.#checkScalar(keyNode.value, keyRange);
      if (seen.has(keyNode.value)) this.#refuseDuplicate(keyNode.value, keyRange);
      seen.add(keyNode.value);
      if (keyNode.anchor !== undefined || keyNode.tag !== undefined)
        this.#refuse(keyRange, "a key has an anchor or a tag");
      const value = pair.value;
      return [
        {
          key: keyNode.value,
          keyRange,
          value: value === null ? this.#scalar(null, keyRange) : this.convert(value, depth + 1),
        },
      ];
    });
    return { kind: "map", entries, file: this.#file, range };
  }

  #list(node: YAMLSeq.Parsed, range: SourceRange, depth: number): SourceNode {
    const items = node.items.flatMap((item): SourceNode[] => {
      if (isPair(item)) {
        this.#refuse(range, "a list item is a pair", "Put the pair in braces or on its own line.");
        return [];
      }
      return [this.convert(item, depth + 1)];
    });
    return { kind: "list", items, file: this.#file, range };
  }

  #checkScalar(value: unknown, range: SourceRange): null | boolean | bigint | number | string {
    if (typeof value === "number" && !Number.isFinite(value)) {
      this.#refuse(range, "infinity and NaN have no place in a package");
      return 0;
    }
    if (typeof value === "string" && !value.isWellFormed()) this.#refuse(range, "the text has a lone surrogate");
    if (value === null || typeof value === "boolean" || typeof value === "bigint") return value;
    if (typeof value === "number" || typeof value === "string") return value;
    this.#refuse(range, "this kind of value is not used here");
    return null;
  }

  #scalar(value: null | boolean | bigint | number | string, range: SourceRange): SourceNode {
    return { kind: "scalar", value, file: this.#file, range };
  }

  #refuseDuplicate(key: string, range: SourceRange): void {
    const message = `the key "${printable(key, 60)}" stands here twice`;
    this.#syntax.add("source/syntax", { file: this.#file, range }, message, "Keep one of the two.");
  }

  #refuse(range: SourceRange, message: string, hint?: string): void {
    this.#faults.add("source/unsupported", { file: this.#file, range }, message, hint);
  }
}
