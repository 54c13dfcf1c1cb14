import { Secret } from "@cpm/model";
import type { RenderedNode } from "../rendered.ts";
import type { ReportRule } from "./report-rule.ts";

/** Text with a NUL, which PostgreSQL cannot store: it fails at submission, or at every later change of a record. */
export function checkStoredText(root: RenderedNode, add: ReportRule): void {
  for (const node of scalarsOf(root)) {
    const text = node.value instanceof Secret ? node.value.reveal() : node.value;
    if (typeof text === "string" && text.includes("\0"))
      add("resource/nul", node, "text with a NUL character cannot be stored");
  }
}

/** Whole numbers that a double cannot hold: the server reads what has no type of its own into doubles. */
export function roundedNumbers(root: RenderedNode): readonly { node: RenderedNode; from: bigint; to: bigint }[] {
  return scalarsOf(root).flatMap((node) => {
    if (typeof node.value !== "bigint") return [];
    const to = BigInt(Number(node.value));
    return to === node.value ? [] : [{ node, from: node.value, to }];
  });
}

function scalarsOf(root: RenderedNode): Extract<RenderedNode, { kind: "scalar" }>[] {
  const scalars: Extract<RenderedNode, { kind: "scalar" }>[] = [];
  const pending: RenderedNode[] = [root];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (node.kind === "list") pending.push(...node.items.toReversed());
    else if (node.kind === "map") pending.push(...node.entries.map((entry) => entry.value).toReversed());
    else scalars.push(node);
  }
  return scalars;
}
