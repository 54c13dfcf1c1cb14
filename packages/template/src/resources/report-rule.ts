import type { TemplateErrorCode } from "../errors.ts";
import type { RenderedMap, RenderedNode } from "../rendered.ts";
import { childOf, integerOf, textOf } from "../rendered.ts";

/** Reports a trap at a node; the code decides whether it is refused or only warned of. */
export type ReportRule = (code: TemplateErrorCode, node: RenderedNode, message: string, hint?: string) => void;

/** Fields that CPM sets itself. They stand in objects that were pasted from elsewhere, so they are no fault. */
export function noteIgnored(map: RenderedNode | undefined, keys: readonly string[], add: ReportRule): void {
  for (const key of keys) {
    const node = childOf(map, key);
    if (node === undefined || (textOf(node) ?? "") === "") continue;
    add("resource/ignored", node, `${key} is set when the package is installed, not here`, "Leave it out.");
  }
}

/** A count that is given must lie between these. */
export function checkCount(
  map: RenderedMap,
  key: string,
  [low, high]: readonly [bigint, bigint],
  rule: string,
  add: ReportRule,
): void {
  const node = childOf(map, key);
  const count = integerOf(node);
  if (node === undefined || count === undefined || (count >= low && count <= high)) return;
  add("resource/invalid-value", node, `${key} ${count} is not a count that ColonyOS can use`, `${key} ${rule}.`);
}
