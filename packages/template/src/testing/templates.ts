import type { Diagnostic, JsonValue } from "@cpm/base";
import { isCpmError } from "@cpm/base";
import type { InputValues, Manifest } from "@cpm/model";
import { parseManifest } from "@cpm/model";
import { checkTemplates } from "../check-templates.ts";
import type { TemplateLimits } from "../limits.ts";
import { parseTemplates } from "../parse-templates.ts";
import { redactedJson } from "../rendered.ts";
import { renderTemplates } from "../render-templates.ts";
import { checkResources } from "../resources/resource.ts";
import type { RenderScope } from "../scope.ts";

/** A manifest with these inputs, written as flow maps, and this text after them. */
export function manifestWith(inputs: readonly string[], rest = ""): Manifest {
  const list = inputs.length === 0 ? "" : `inputs:\n${inputs.map((input) => `  - ${input}\n`).join("")}`;
  return parseManifest({ path: "colony.yaml", text: `apiVersion: cpm/v1\nname: a/b\nversion: 1.2.0\n${list}${rest}` });
}

export function scopeWith(inputs: InputValues, deps: RenderScope["deps"] = {}): RenderScope {
  return {
    inputs,
    release: { name: "rel", revision: 3, colony: "dev" },
    package: { name: "a/b", version: "1.2.0", digest: "", path: "/p" },
    deps,
  };
}

/** What the templates in one text render to, as JSON with secrets hidden. Throws what rendering throws. */
export function rendered(text: string, inputs: InputValues = {}, limits?: TemplateLimits): JsonValue[] {
  const { documents, diagnostics } = parseTemplates([{ path: "t.yaml", text }], limits);
  if (diagnostics.length > 0) throw new Error(diagnostics.map(summary).join("\n"));
  return renderTemplates(documents, scopeWith(inputs), limits).map(({ root }) => redactedJson(root));
}

/** The value that one leaf renders to. */
export function leaf(text: string, inputs: InputValues = {}, limits?: TemplateLimits): JsonValue {
  const [document] = rendered(`kind: k\nname: n\nspec:\n  - ${JSON.stringify(text)}\n`, inputs, limits);
  const spec = (document as { spec: JsonValue[] }).spec;
  return spec[0] ?? null;
}

/** `code line:column` of every fault of a text before it is rendered. */
export function staticFaults(text: string, manifest: Manifest = manifestWith([])): string[] {
  const { documents, diagnostics } = parseTemplates([{ path: "t.yaml", text }]);
  return [...diagnostics, ...checkTemplates(documents, manifest)].map(summary);
}

/** `code line:column` of every fault of the resources that a text renders to. */
export function resourceFaults(text: string, inputs: InputValues = {}): string[] {
  return resourceDiagnostics(text, inputs).map(summary);
}

export function resourceDiagnostics(text: string, inputs: InputValues = {}): readonly Diagnostic[] {
  const { documents, diagnostics } = parseTemplates([{ path: "t.yaml", text }]);
  return [...diagnostics, ...checkResources(renderTemplates(documents, scopeWith(inputs))).diagnostics];
}

/** `code line:column` of the faults that an action throws. */
export function thrownFaults(action: () => unknown): string[] {
  try {
    action();
  } catch (error) {
    if (!isCpmError(error)) throw error;
    return (error.diagnostics ?? []).map(summary);
  }
  throw new Error("nothing was thrown");
}

export function summary({ code, location }: Diagnostic): string {
  return location === undefined ? code : `${code} ${location.line}:${location.column}`;
}
