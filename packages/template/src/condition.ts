import type { Diagnostic } from "@cpm/base";
import { stringifyJson } from "@cpm/base";
import type { InputDefinition, InputValues } from "@cpm/model";
import { inferType } from "./cel/infer.ts";
import { formatType } from "./cel/static-type.ts";
import { invalidTemplates, templateFault } from "./errors.ts";
import { parseTemplates } from "./parse-templates.ts";
import { renderValues } from "./render-values.ts";
import { inputsScope } from "./scope.ts";

/** What is found of a condition without evaluating it. */
export interface ConditionCheck {
  /** Without a place: the text is the manifest's. */
  readonly diagnostics: readonly Diagnostic[];
  /** `inputs.x` that it reads. */
  readonly used: ReadonlySet<string>;
}

/** Checks `when:` of a dependency: one expression over these inputs and nothing else, which gives true or false. */
export function checkCondition(when: string, inputs: readonly InputDefinition[]): ConditionCheck {
  const text = stringifyJson({ kind: "values", name: "values", spec: { when } });
  const { documents, diagnostics } = parseTemplates([{ path: "colony.yaml", text }]);
  if (diagnostics.length > 0) return { diagnostics: diagnostics.map(placeless), used: new Set() };
  const spec = documents[0]?.root.entries.find((entry) => entry.key === "spec")?.value;
  const leaf = spec?.kind === "map" ? spec.entries[0]?.value : undefined;
  if (leaf?.kind !== "expression") {
    const fault = templateFault("template/condition", { message: "this is not one expression" });
    return { diagnostics: [fault], used: new Set() };
  }
  const faults: Diagnostic[] = [];
  const { type, used } = inferType(leaf.expression, inputsScope(inputs), (fault) => faults.push(placeless(fault)));
  if (type.kind !== "bool" && type.kind !== "dyn")
    faults.push(templateFault("template/condition", { message: `this gives a ${formatType(type)}` }));
  return { diagnostics: faults, used };
}

/**
 * Whether a condition holds for these inputs. Throws `template/invalid` for one that `checkCondition` refuses, that
 * fails, or that gives anything but true or false.
 */
export function evaluateCondition(
  when: string,
  place: string,
  inputs: readonly InputDefinition[],
  values: InputValues,
): boolean {
  const inPlace = (fault: Diagnostic): Diagnostic => ({ ...fault, message: `in ${place}: ${fault.message}` });
  const { diagnostics } = checkCondition(when, inputs);
  if (diagnostics.length > 0) throw invalidTemplates(diagnostics.map(inPlace));
  const [entry] = renderValues({ when }, place, { ...nothing, inputs: values });
  if (entry?.value.kind === "scalar" && typeof entry.value.value === "boolean") return entry.value.value;
  const message = "this gives neither true nor false";
  throw invalidTemplates([inPlace(templateFault("template/condition", { message }))]);
}

/** A condition reads nothing but inputs, which is checked before it is evaluated. */
const nothing = {
  release: { name: "", revision: 0, colony: "" },
  package: { name: "", version: "", digest: "" as const, path: "" },
  deps: {},
};

function placeless({ location: _location, ...fault }: Diagnostic): Diagnostic {
  return fault;
}
