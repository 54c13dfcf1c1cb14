import type { CpmError, Diagnostic } from "@cpm/base";
import { isCpmError, nearest } from "@cpm/base";
import type { SourceEntry, SourceFile, SourceMap, SourceNode, SourceRange, SourceScalar } from "@cpm/model";
import { locateSource, parseSource } from "@cpm/model";
import type { Expression } from "./cel/expression.ts";
import { ExpressionParser } from "./cel/expression.ts";
import type { TemplateErrorCode } from "./errors.ts";
import { templateFault } from "./errors.ts";
import { splitLeaf } from "./interpolation.ts";
import type { TemplateLimits } from "./limits.ts";
import { defaultTemplateLimits, maxFaults } from "./limits.ts";
import { scopeRoots } from "./scope.ts";
import { textFault } from "./text-limits.ts";
import type { TemplateDocument, TemplateEntry, TemplateLoop, TemplateMap, TemplateNode } from "./template-node.ts";

const structuralKeys = ["$if", "$for", "$value"];
const documentKeys = ["kind", "name", "spec"];

export interface ParsedTemplates {
  readonly documents: readonly TemplateDocument[];
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Parses the files of `templates/`, each one or more YAML or JSON documents. Nothing is evaluated. Documents with
 * faults are left out, so what is returned can be checked further and every fault be shown at once, up to a hundred.
 * Templates over a limit of their size give a `template/budget` fault and no documents.
 */
export function parseTemplates(
  files: readonly SourceFile[],
  limits: TemplateLimits = defaultTemplateLimits,
): ParsedTemplates {
  const tooMuch = textFault(files, limits);
  if (tooMuch !== undefined) return { documents: [], diagnostics: [tooMuch] };
  const diagnostics: Diagnostic[] = [];
  const parser = new DocumentParser(new ExpressionParser(limits), diagnostics);
  const documents = files.flatMap((file) => {
    try {
      return parseSource(file).flatMap((node) => parser.document(node));
    } catch (error) {
      if (!isCpmError(error)) throw error;
      diagnostics.push(...(error.diagnostics ?? [fileFault(error)]));
      return [];
    }
  });
  return { documents: parser.stopped ? [] : documents, diagnostics: diagnostics.slice(0, maxFaults) };
}

/** A file that cannot be read at all, which has no place in it. */
function fileFault({ code, message, hint }: CpmError): Diagnostic {
  return { code, severity: "error", message, hint };
}

class DocumentParser {
  readonly #expressions: ExpressionParser;
  readonly #diagnostics: Diagnostic[];

  constructor(expressions: ExpressionParser, diagnostics: Diagnostic[]) {
    this.#expressions = expressions;
    this.#diagnostics = diagnostics;
  }

  /** True once it is certain that nothing will come of it; what is left is not looked at. */
  get stopped(): boolean {
    return this.#diagnostics.length >= maxFaults || this.#expressions.exhausted;
  }

  document(node: SourceNode): TemplateDocument[] {
    const before = this.#diagnostics.length;
    if (this.stopped || (node.kind === "scalar" && node.value === null)) return [];
    if (node.kind !== "map") {
      const hint = "A document is one resource with the keys kind, name and spec; separate documents by a line of ---.";
      this.#fault("template/document", "a document must be a map", node.file, node.range, hint);
      return [];
    }
    this.#checkDocumentKeys(node);
    const root = this.#map(node, "document");
    return this.#diagnostics.length > before ? [] : [{ file: node.file, root }];
  }

  #checkDocumentKeys(node: SourceMap): void {
    for (const entry of node.entries) {
      if (documentKeys.includes(entry.key) || entry.key.startsWith("$")) continue;
      const meant = nearest(entry.key, documentKeys);
      const hint = meant === undefined ? "The ColonyOS object itself goes under spec." : `Did you mean "${meant}"?`;
      this.#fault(
        "template/document",
        `unknown key "${entry.key}" beside kind, name and spec`,
        node.file,
        entry.keyRange,
        hint,
      );
    }
    for (const key of documentKeys) {
      if (node.entries.some((entry) => entry.key === key)) continue;
      this.#fault("template/document", `a resource needs the key "${key}"`, node.file, [
        node.range[0],
        node.range[0] + 1,
      ]);
    }
  }

  #node(node: SourceNode, place: "document" | "item" | "value"): TemplateNode {
    const { file, range } = node;
    if (this.stopped) return { kind: "literal", value: null, file, range };
    if (node.kind === "map") return this.#map(node, place);
    if (node.kind === "list")
      return { kind: "list", items: node.items.map((item) => this.#node(item, "item")), file, range };
    return typeof node.value === "string"
      ? this.#leaf(node, node.value)
      : { kind: "literal", value: node.value, file, range };
  }

  #map(node: SourceMap, place: "document" | "item" | "value"): TemplateMap {
    const find = (key: string): SourceEntry | undefined => node.entries.find((entry) => entry.key === key);
    const [condition, loop, value] = [find("$if"), find("$for"), find("$value")];
    for (const entry of node.entries) this.#checkKey(node.file, entry);
    if (loop !== undefined && place === "value") {
      this.#fault(
        "template/structure",
        "$for repeats an item of a list or a whole document, not a value",
        node.file,
        loop.keyRange,
      );
    }
    const plain = node.entries.filter((entry) => !structuralKeys.includes(entry.key));
    if (value !== undefined && (plain.length > 0 || (condition === undefined && loop === undefined))) {
      this.#fault("template/structure", "$value stands alone beside $if or $for", node.file, value.keyRange);
    }
    return {
      kind: "map",
      entries: plain.map((entry): TemplateEntry => ({
        key: unescapeKey(entry.key),
        keyRange: entry.keyRange,
        value: this.#node(entry.value, "value"),
      })),
      condition: condition === undefined ? undefined : this.#structural(condition),
      loop: loop === undefined ? undefined : this.#loop(loop),
      value: value === undefined ? undefined : this.#node(value.value, "value"),
      file: node.file,
      range: node.range,
    };
  }

  #checkKey(file: SourceFile, entry: SourceEntry): void {
    if (entry.key.includes("${")) {
      this.#fault(
        "template/structure",
        "a key cannot hold an expression",
        file,
        entry.keyRange,
        "Only values do; use $if to leave a key out.",
      );
    } else if (/^\$(?!\$)/.test(entry.key) && !structuralKeys.includes(entry.key)) {
      const meant = nearest(entry.key, structuralKeys) ?? "$if";
      this.#fault(
        "template/structure",
        `unknown structural key "${entry.key}"`,
        file,
        entry.keyRange,
        `Did you mean "${meant}"? Write $${entry.key} for a plain key.`,
      );
    }
  }

  #loop(entry: SourceEntry): TemplateLoop | undefined {
    const only = entry.value.kind === "map" && entry.value.entries.length === 1 ? entry.value.entries[0] : undefined;
    if (only === undefined || !/^[a-z][A-Za-z0-9_]*$/.test(only.key)) {
      this.#fault(
        "template/structure",
        "$for names one variable and its list",
        entry.value.file,
        entry.value.range,
        'Write $for: {item: "${inputs.files}"}.',
      );
      return undefined;
    }
    if (scopeRoots.includes(only.key)) {
      const message = `"${only.key}" is already a name here`;
      this.#fault("template/structure", message, only.value.file, only.keyRange, "Choose another variable.");
    }
    const over = this.#structural(only);
    return over === undefined ? undefined : { variable: only.key, over };
  }

  #structural(entry: SourceEntry): Expression | undefined {
    const { value } = entry;
    const before = this.#diagnostics.length;
    const leaf =
      value.kind === "scalar" && typeof value.value === "string" ? this.#leaf(value, value.value) : undefined;
    if (leaf?.kind === "expression") return leaf.expression;
    // What cannot be read has been reported already.
    if (this.#diagnostics.length === before) {
      const hint = `Write ${entry.key}: "\${…}".`;
      this.#fault("template/structure", `${entry.key} must be one expression`, value.file, value.range, hint);
    }
    return undefined;
  }

  #leaf(scalar: SourceScalar, text: string): TemplateNode {
    const { file, range } = scalar;
    const parts: (string | Expression)[] = [];
    for (const piece of splitLeaf(scalar, text)) {
      if (this.stopped) break;
      if (piece.kind === "text") parts.push(piece.text);
      else if (piece.kind === "unclosed")
        this.#fault(
          "template/syntax",
          'an expression that "}" never closes',
          file,
          piece.range,
          "Write $${ for a literal ${.",
        );
      else {
        const place = { file, range: piece.range, sourceStart: piece.sourceStart };
        const expression = this.#expressions.parse(piece.source, place, (fault) => this.#diagnostics.push(fault));
        if (expression !== undefined) parts.push(expression);
      }
    }
    const [first] = parts;
    if (parts.length === 1 && typeof first === "object") return { kind: "expression", expression: first, file, range };
    if (parts.every((part) => typeof part === "string")) return { kind: "literal", value: parts.join(""), file, range };
    return { kind: "text", parts, file, range };
  }

  #fault(code: TemplateErrorCode, message: string, file: SourceFile, range: SourceRange, hint?: string): void {
    if (this.stopped) return;
    this.#diagnostics.push(templateFault(code, { message, location: locateSource(file, range), hint }));
  }
}

/** `$$ref` is the plain key `$ref`. */
function unescapeKey(key: string): string {
  return key.startsWith("$$") ? key.slice(1) : key;
}
