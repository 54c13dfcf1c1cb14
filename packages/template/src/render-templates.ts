import type { CelEnv, CelInput, CelValue } from "@bufbuild/cel";
import { celEnv, isCelError, isCelList, plan } from "@bufbuild/cel";
import type { Expr } from "@bufbuild/cel-spec/cel/expr/syntax_pb.js";
import type { Diagnostic } from "@cpm/base";
import { isCpmError, printable, toErrorRecord } from "@cpm/base";
import type { SourceFile, SourceRange } from "@cpm/model";
import { locateSource, Secret } from "@cpm/model";
import { Budget } from "./budget.ts";
import type { Expression } from "./cel/expression.ts";
import { templateFunctions } from "./cel/functions.ts";
import { instrument } from "./cel/instrument.ts";
import { fromCel, toCelInput } from "./cel/values.ts";
import { invalidTemplates, templateFault } from "./errors.ts";
import type { TemplateLimits } from "./limits.ts";
import { defaultTemplateLimits } from "./limits.ts";
import type { RenderedEntry, RenderedMap, RenderedNode } from "./rendered.ts";
import { secretInput } from "./secret-leaf.ts";
import type { RenderScope } from "./scope.ts";
import { celScope } from "./scope.ts";
import type { TemplateDocument, TemplateMap, TemplateNode, TemplateText } from "./template-node.ts";

/** One document with its expressions replaced by their values: a map with kind, name and spec. */
export interface RenderedDocument {
  readonly file: SourceFile;
  readonly root: RenderedMap;
}

/**
 * Replaces every expression by its value. Throws `template/invalid` with the place of the first expression that
 * fails, or of the value at which the templates together cost more than `limits`.
 */
export function renderTemplates(
  documents: readonly TemplateDocument[],
  scope: RenderScope,
  limits: TemplateLimits = defaultTemplateLimits,
): RenderedDocument[] {
  const renderer = new Renderer(scope, limits);
  return documents.flatMap((document) => renderer.document(document));
}

/** Variables bound by `$for`, from the outside in, over the four roots. */
type Bindings = Readonly<Record<string, CelInput>>;

/** The library looks names up with a plain property access, so there must be no prototype to find anything in. */
function bind(outer: Bindings | undefined, names: readonly (readonly [string, CelInput])[]): Bindings {
  const bindings: Record<string, CelInput> = Object.create(null);
  return Object.assign(bindings, outer, Object.fromEntries(names));
}

class Renderer {
  readonly #scope: RenderScope;
  readonly #budget: Budget;
  readonly #env: CelEnv;
  readonly #roots: Bindings;
  readonly #plans = new Map<Expr, ReturnType<typeof plan>>();

  constructor(scope: RenderScope, limits: TemplateLimits) {
    this.#scope = scope;
    this.#budget = new Budget(limits);
    this.#env = celEnv({ funcs: templateFunctions(this.#budget) });
    this.#roots = bind(
      undefined,
      Object.entries(celScope(scope)).map(([name, value]) => [name, toCelInput(value)] as const),
    );
  }

  document(document: TemplateDocument): RenderedDocument[] {
    return this.#occurrences(document.root, this.#roots, 0).map((root) => {
      if (root.kind === "map") return { file: document.file, root };
      throw this.#invalid("template/document", "a document must give a map", document.file, document.root.range);
    });
  }

  #node(node: TemplateNode, bindings: Bindings, depth: number): RenderedNode {
    const { file, range } = node;
    switch (node.kind) {
      case "literal":
        this.#chargeOutput(node, depth, typeof node.value === "string" ? node.value.length : 0);
        return { kind: "scalar", value: node.value, file, range };
      case "expression":
        return this.#leaf(node.expression, bindings, depth);
      case "text":
        return { kind: "scalar", value: this.#text(node, bindings, depth), file, range };
      case "list":
        this.#chargeOutput(node, depth);
        return {
          kind: "list",
          items: node.items.flatMap((item) => this.#item(item, bindings, depth + 1)),
          file,
          range,
        };
      case "map":
        return this.#map(node, bindings, depth);
    }
  }

  #item(item: TemplateNode, bindings: Bindings, depth: number): RenderedNode[] {
    return item.kind === "map" ? this.#occurrences(item, bindings, depth) : [this.#node(item, bindings, depth)];
  }

  /** A map as often as its `$for` says and its `$if` allows. */
  #occurrences(map: TemplateMap, bindings: Bindings, depth: number): RenderedNode[] {
    if (map.loop === undefined) return this.#holds(map, bindings) ? [this.#content(map, bindings, depth)] : [];
    const { variable, over } = map.loop;
    const values = this.#evaluate(over, bindings);
    if (!isCelList(values)) throw this.#invalid("template/wrong-type", "$for needs a list", over.file, over.range);
    const occurrences: RenderedNode[] = [];
    for (const value of values) {
      this.#attempt(over, () => this.#budget.chargeSteps(1));
      const inner = bind(bindings, [[variable, value]]);
      if (this.#holds(map, inner)) occurrences.push(this.#content(map, inner, depth));
    }
    return occurrences;
  }

  #content(map: TemplateMap, bindings: Bindings, depth: number): RenderedNode {
    return map.value === undefined ? this.#map(map, bindings, depth) : this.#node(map.value, bindings, depth);
  }

  #map(map: TemplateMap, bindings: Bindings, depth: number): RenderedMap {
    this.#chargeOutput(map, depth);
    const entries: RenderedEntry[] = [];
    for (const { key, keyRange, value } of map.entries) {
      if (value.kind === "map" && !this.#holds(value, bindings)) continue;
      const rendered =
        value.kind === "map" ? this.#content(value, bindings, depth + 1) : this.#node(value, bindings, depth + 1);
      entries.push({ key, keyRange, value: rendered });
    }
    return { kind: "map", entries, file: map.file, range: map.range };
  }

  #holds(map: TemplateMap, bindings: Bindings): boolean {
    if (map.condition === undefined) return true;
    const value = this.#evaluate(map.condition, bindings);
    if (typeof value === "boolean") return value;
    throw this.#invalid("template/wrong-type", "$if needs true or false", map.condition.file, map.condition.range);
  }

  #leaf(expression: Expression, bindings: Bindings, depth: number): RenderedNode {
    const { file, range } = expression;
    const secret = secretInput(expression);
    const given = secret === undefined ? undefined : this.#scope.inputs[secret];
    if (given instanceof Secret) return { kind: "scalar", value: given, file, range };
    const value = this.#evaluate(expression, bindings);
    return this.#attempt(expression, () => fromCel(value, { file, range, budget: this.#budget }, depth));
  }

  #text(node: TemplateText, bindings: Bindings, depth: number): string {
    const text = node.parts.map((part) => {
      if (typeof part === "string") return part;
      const value = this.#evaluate(part, bindings);
      if (typeof value === "string") return value;
      throw this.#invalid(
        "template/mixed-string",
        `"${part.source.trim()}" stands inside text and is not a string`,
        part.file,
        part.range,
      );
    });
    const whole = text.join("");
    this.#chargeOutput(node, depth, whole.length);
    return whole;
  }

  #evaluate(expression: Expression, bindings: Bindings): CelValue {
    return this.#attempt(expression, () => {
      this.#budget.chargeSteps(expression.nodes);
      const run = this.#plans.get(expression.ast) ?? plan(this.#env, instrument(expression.ast));
      this.#plans.set(expression.ast, run);
      const result = run(bindings);
      if (this.#budget.exhausted !== undefined) throw this.#budget.exhausted;
      if (isCelError(result)) throw result;
      return result;
    });
  }

  #chargeOutput(node: TemplateNode, depth: number, length = 0): void {
    this.#attempt(node, () => this.#budget.chargeOutput(depth, length));
  }

  /** Gives whatever fails inside a place: that of the expression, or of the value that was too much. */
  #attempt<T>({ file, range }: Pick<Expression, "file" | "range">, action: () => T): T {
    try {
      return action();
    } catch (error) {
      const spent = this.#budget.exhausted;
      const message = printable(toErrorRecord(spent ?? error).message, 300);
      if (spent !== undefined) throw this.#invalid("template/budget", message, file, range);
      if (isCpmError(error)) throw error;
      throw this.#invalid("template/evaluation", message, file, range);
    }
  }

  #invalid(code: Parameters<typeof templateFault>[0], message: string, file: SourceFile, range: SourceRange): Error {
    const fault: Diagnostic = templateFault(code, { message, location: locateSource(file, range) });
    return invalidTemplates([fault]);
  }
}
