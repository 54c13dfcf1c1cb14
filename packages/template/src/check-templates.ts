import type { Diagnostic, JsonValue } from "@cpm/base";
import { nearest, stringifyJson } from "@cpm/base";
import type { Manifest } from "@cpm/model";
import { locateSource } from "@cpm/model";
import type { Expression } from "./cel/expression.ts";
import type { StaticScope } from "./cel/infer.ts";
import { inferType } from "./cel/infer.ts";
import type { StaticType } from "./cel/static-type.ts";
import { formatType, types } from "./cel/static-type.ts";
import { checkCondition } from "./condition.ts";
import type { TemplateErrorCode } from "./errors.ts";
import { templateFault } from "./errors.ts";
import { maxFaults } from "./limits.ts";
import { parseTemplates } from "./parse-templates.ts";
import { functionSpec } from "./resources/colony-objects.ts";
import type { FieldType } from "./resources/field-type.ts";
import { allowsSecrets, field, fieldAt, formatFieldType } from "./resources/field-type.ts";
import type { ResourceKind } from "./resources/kinds.ts";
import { isResourceKind, resourceKinds, resourceSpecs } from "./resources/kinds.ts";
import { scopeRoots, staticScope } from "./scope.ts";
import { shellFaults } from "./shell-strings.ts";
import type { TemplateDocument, TemplateMap, TemplateNode } from "./template-node.ts";

/**
 * Everything that can be known of a package's templates without evaluating them: names and fields that do not
 * exist, results of the wrong type for their ColonyOS field, secrets out of place, expressions inside shell
 * strings, and, as a warning, inputs that nothing uses.
 */
export function checkTemplates(
  documents: readonly TemplateDocument[],
  manifest: Manifest,
  manifestFile?: Parameters<typeof unusedInputs>[2],
): Diagnostic[] {
  const checker = new Checker(staticScope(manifest));
  for (const document of documents) checker.document(document);
  checkManifestValues(manifest, checker);
  checkDependencies(manifest, checker);
  return [...checker.diagnostics, ...unusedInputs(manifest, checker.used, manifestFile)].slice(0, maxFaults);
}

/** The expressions that stand in the manifest: outputs, and inputs for dependencies, which may be secrets. */
function checkManifestValues(manifest: Manifest, checker: Checker): void {
  const values: [place: string, value: JsonValue, secrets: boolean][] = [
    ...Object.entries(manifest.outputs).map(([key, value]): [string, JsonValue, boolean] => [
      `outputs.${key}`,
      value,
      false,
    ]),
    ...manifest.dependencies.flatMap(({ name, with: given }) =>
      Object.entries(given).map(([key, value]): [string, JsonValue, boolean] => [`${name} with ${key}`, value, true]),
    ),
  ];
  for (const [place, value, secrets] of values) {
    const text = stringifyJson({ kind: "values", name: "values", spec: value });
    const { documents, diagnostics } = parseTemplates([{ path: "colony.yaml", text }]);
    const before = checker.diagnostics.length;
    checker.diagnostics.push(...diagnostics);
    const spec = documents[0]?.root.entries.find((entry) => entry.key === "spec")?.value;
    if (spec !== undefined) checker.value(spec, secrets);
    // The text is not the author's: what is known of the place is the key.
    for (const [index, fault] of checker.diagnostics.entries())
      if (index >= before)
        checker.diagnostics[index] = { ...fault, message: `in ${place}: ${fault.message}`, location: undefined };
  }
}

/** Conditions, and the names by which templates read what is needed: `deps` has each once. */
function checkDependencies(manifest: Manifest, checker: Checker): void {
  const seen = new Set<string>();
  for (const { name, alias, when } of manifest.dependencies) {
    const called = alias ?? name;
    if (seen.has(called)) {
      const message = `two dependencies are called "${called}"`;
      checker.diagnostics.push(
        templateFault("template/duplicate", { message, hint: "Give each an alias of its own." }),
      );
    }
    seen.add(called);
    if (when === undefined) continue;
    const { diagnostics, used } = checkCondition(when, manifest.inputs);
    for (const key of used) checker.used.add(key);
    const place = alias === undefined ? name : `${name} as ${alias}`;
    checker.diagnostics.push(
      ...diagnostics.map((fault) => ({ ...fault, message: `in ${place} when: ${fault.message}` })),
    );
  }
}

class Checker {
  readonly diagnostics: Diagnostic[] = [];
  readonly used = new Set<string>();
  readonly #scope: StaticScope;

  constructor(scope: StaticScope) {
    this.#scope = scope;
  }

  document({ root }: TemplateDocument): void {
    const scope = this.#enter(root, this.#scope);
    const kind = root.entries.find((entry) => entry.key === "kind")?.value;
    const known =
      kind?.kind === "literal" && typeof kind.value === "string" && isResourceKind(kind.value) ? kind.value : undefined;
    if (kind !== undefined && known === undefined) this.#kindFault(kind);
    for (const entry of root.entries) {
      this.#node(entry.value, entry.key === "spec" ? specType(known, entry.value) : field.string, false, scope);
    }
  }

  /** A value that is not a part of a ColonyOS object. */
  value(node: TemplateNode, secrets: boolean): void {
    this.#node(node, field.any, secrets, this.#scope);
  }

  /** `secrets`: whether a secret may stand here. */
  #node(node: TemplateNode, expected: FieldType, secrets: boolean, scope: StaticScope): void {
    if (this.diagnostics.length >= maxFaults) return;
    const inside = allowsSecrets(expected, secrets);
    switch (node.kind) {
      case "literal":
        return;
      case "expression":
        this.#leaf(node.expression, expected, secrets, scope);
        return;
      case "text":
        for (const part of node.parts) if (typeof part !== "string") this.#textPart(part, scope);
        if (expected.type !== "string" && expected.type !== "any") this.#textFault(node, expected);
        return;
      case "list":
        for (const item of node.items) this.#node(item, fieldAt(expected, ["[]"]), inside, scope);
        return;
      case "map":
        this.#map(node, expected, secrets, scope);
    }
  }

  #map(map: TemplateMap, expected: FieldType, secrets: boolean, scope: StaticScope): void {
    const inner = this.#enter(map, scope);
    if (map.value !== undefined) this.#node(map.value, expected, secrets, inner);
    if (expected === functionSpec)
      this.diagnostics.push(...shellFaults(map, (expression) => this.#typeOf(expression, inner)));
    const inside = allowsSecrets(expected, secrets);
    for (const entry of map.entries) this.#node(entry.value, fieldAt(expected, [entry.key]), inside, inner);
  }

  /** Checks a map's `$for` and `$if` and gives the scope inside it. */
  #enter(map: TemplateMap, scope: StaticScope): StaticScope {
    let inner = scope;
    if (map.loop !== undefined) {
      const { variable, over } = map.loop;
      const list = this.#infer(over, scope);
      if (list.kind !== "list" && list.kind !== "dyn")
        this.#fault("template/wrong-type", over, `$for needs a list, this is a ${formatType(list)}`);
      // Roots are refused when the template is parsed.
      if (scope.has(variable) && !scopeRoots.includes(variable))
        this.#fault("template/structure", over, `"${variable}" is already a name here`, "Choose another variable.");
      inner = new Map(scope).set(variable, list.kind === "list" ? list.element : types.dyn);
    }
    if (map.condition !== undefined) {
      const type = this.#infer(map.condition, inner);
      if (type.kind !== "bool" && type.kind !== "dyn")
        this.#fault("template/wrong-type", map.condition, `$if needs true or false, this is a ${formatType(type)}`);
    }
    return inner;
  }

  #leaf(expression: Expression, expected: FieldType, secrets: boolean, scope: StaticScope): void {
    const type = this.#infer(expression, scope);
    if (type.kind === "secret") {
      if (!secrets)
        this.#fault("template/secret", expression, `the secret "${type.name}" stands outside env and kwargs`);
    } else if (!fits(type, expected)) {
      const hint = conversionHint(type, expected);
      this.#fault(
        "template/wrong-type",
        expression,
        `this gives a ${formatType(type)} where ColonyOS needs ${formatFieldType(expected)}`,
        hint,
      );
    }
  }

  #textPart(part: Expression, scope: StaticScope): void {
    const type = this.#infer(part, scope);
    if (type.kind === "string" || type.kind === "dyn") return;
    if (type.kind === "secret") this.#fault("template/secret", part, `the secret "${type.name}" stands inside text`);
    else
      this.#fault(
        "template/mixed-string",
        part,
        `"${part.source.trim()}" stands inside text and is a ${formatType(type)}`,
      );
  }

  #textFault(node: TemplateNode, expected: FieldType): void {
    const message = `this gives a string where ColonyOS needs ${formatFieldType(expected)}`;
    const hint = "Make the expression the whole value: what stands inside text is text.";
    this.diagnostics.push(
      templateFault("template/wrong-type", { message, location: locateSource(node.file, node.range), hint }),
    );
  }

  #infer(expression: Expression, scope: StaticScope): StaticType {
    const { type, used } = inferType(expression, scope, (fault) => this.diagnostics.push(fault));
    for (const name of used) this.used.add(name);
    return type;
  }

  /** A type alone, for a second look at an expression whose faults are reported elsewhere. */
  #typeOf(expression: Expression, scope: StaticScope): StaticType {
    return inferType(expression, scope, () => {}).type;
  }

  #kindFault(kind: TemplateNode): void {
    const written = kind.kind === "literal" ? String(kind.value) : "an expression";
    const meant = nearest(written, resourceKinds);
    const hint = meant === undefined ? `A kind is one of ${resourceKinds.join(", ")}.` : `Did you mean "${meant}"?`;
    const message = kind.kind === "literal" ? `"${written}" is not a kind of resource` : "the kind must be written out";
    this.diagnostics.push(
      templateFault("resource/unknown-kind", { message, location: locateSource(kind.file, kind.range), hint }),
    );
  }

  #fault(code: TemplateErrorCode, expression: Expression, message: string, hint?: string): void {
    this.diagnostics.push(
      templateFault(code, { message, location: locateSource(expression.file, expression.range), hint }),
    );
  }
}

/** What stands under `spec`; a workflow may also be written as the bare list of its nodes. */
function specType(kind: ResourceKind | undefined, spec: TemplateNode): FieldType {
  if (kind === undefined) return field.any;
  const type = resourceSpecs[kind];
  return kind === "Workflow" && spec.kind !== "map" ? fieldAt(type, ["functionspecs"]) : type;
}

function fits(type: StaticType, expected: FieldType): boolean {
  if (type.kind === "dyn" || expected.type === "any") return true;
  switch (expected.type) {
    case "string":
    case "int":
    case "bool":
      return type.kind === expected.type;
    case "number":
      return type.kind === "int" || type.kind === "double";
    case "list":
      return type.kind === "list" && fits(type.element, expected.items);
    case "map":
      return type.kind === "record" || (type.kind === "map" && fits(type.value, expected.values));
    case "object":
      return type.kind === "map" || type.kind === "record";
    case "embedded":
      return type.kind === "string" || fits(type, expected.of);
  }
}

function conversionHint(type: StaticType, expected: FieldType): string | undefined {
  const scalar = ["int", "double", "bool", "string"].includes(type.kind);
  if (!scalar || !["string", "int", "bool"].includes(expected.type)) return undefined;
  return `Convert it with ${expected.type}(…).`;
}

function unusedInputs(
  manifest: Manifest,
  used: ReadonlySet<string>,
  locate?: (key: string) => Diagnostic["location"],
): Diagnostic[] {
  return manifest.inputs
    .filter((input) => !used.has(`inputs.${input.key}`))
    .map((input) => {
      const hint = `Use \${inputs.${input.key}} in a template, or remove the input.`;
      return templateFault(
        "template/unused-input",
        { message: `no template uses the input "${input.key}"`, location: locate?.(input.key), hint },
        "warning",
      );
    });
}
