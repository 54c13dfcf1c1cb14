import { stringifyJson } from "@cpm/base";
import type { JsonObject } from "@cpm/base";
import { invalidTemplates } from "./errors.ts";
import type { TemplateLimits } from "./limits.ts";
import { defaultTemplateLimits } from "./limits.ts";
import { parseTemplates } from "./parse-templates.ts";
import type { RenderedEntry } from "./rendered.ts";
import { childOf } from "./rendered.ts";
import { renderTemplates } from "./render-templates.ts";
import type { RenderScope } from "./scope.ts";

/**
 * Renders values that stand in a manifest and not in a template, such as a package's outputs and the inputs that it
 * gives to a dependency: each string may hold expressions. `path` names the place in faults. Throws `template/invalid`.
 */
export function renderValues(
  values: JsonObject,
  path: string,
  scope: RenderScope,
  limits: TemplateLimits = defaultTemplateLimits,
): readonly RenderedEntry[] {
  // A document needs a kind and a name; neither is looked at here.
  const text = stringifyJson({ kind: "values", name: "values", spec: values }, 2);
  const { documents, diagnostics } = parseTemplates([{ path, text }], limits);
  if (diagnostics.length > 0) throw invalidTemplates(diagnostics);
  const spec = childOf(renderTemplates(documents, scope, limits)[0]?.root, "spec");
  return spec?.kind === "map" ? spec.entries : [];
}
