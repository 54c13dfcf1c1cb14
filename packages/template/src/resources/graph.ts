import type { RenderedList, RenderedNode } from "../rendered.ts";
import { childOf, integerOf, itemsOf, textOf } from "../rendered.ts";
import type { ReportRule } from "./report-rule.ts";

/**
 * The nodes of a workflow: named, each once, depending on nodes that exist, without a cycle. The server accepts
 * a cycle and then waits for ever, and leaves an empty graph behind when a dependency does not exist.
 */
export function checkGraph(nodes: RenderedList, add: ReportRule): void {
  const byName = new Map<string, RenderedNode>();
  for (const node of nodes.items) {
    const name = childOf(node, "nodename");
    const text = textOf(name) ?? "";
    if (text === "")
      add("resource/missing-field", name ?? node, "every node of a workflow needs a nodename", "Write nodename: …");
    else if (byName.has(text)) add("resource/duplicate-node", name ?? node, `there are two nodes "${text}"`);
    else byName.set(text, node);
  }
  const parents = new Map<string, string[]>();
  for (const [name, node] of byName) parents.set(name, checkDependencies(node, byName, add));
  for (const cycle of findCycles(parents)) {
    const node = byName.get(cycle[0] ?? "");
    const place = node === undefined ? nodes : (childOf(node, "nodename") ?? node);
    add(
      "resource/cycle",
      place,
      `${[...cycle, cycle[0]].join(" → ")} wait for one another for ever`,
      "Remove one of these dependencies.",
    );
  }
}

function checkDependencies(node: RenderedNode, byName: ReadonlyMap<string, RenderedNode>, add: ReportRule): string[] {
  const dependencies = itemsOf(childOf(childOf(node, "conditions"), "dependencies"));
  const wait = childOf(node, "maxwaittime");
  if (dependencies.length > 0 && wait !== undefined && (integerOf(wait) ?? -1n) > 0n) {
    add(
      "resource/max-wait-time",
      wait,
      "the time spent waiting for parents counts, so this fails the workflow before they are done",
    );
  }
  return dependencies.flatMap((dependency) => {
    const name = textOf(dependency) ?? "";
    if (byName.has(name)) return [name];
    add(
      "resource/unknown-node",
      dependency,
      `there is no node "${name}" to depend on`,
      `The nodes are ${[...byName.keys()].slice(0, 20).join(", ")}.`,
    );
    return [];
  });
}

/** One cycle for each strongly entangled group: depth-first, without recursion, in time linear in the edges. */
function findCycles(parents: ReadonlyMap<string, readonly string[]>): string[][] {
  const state = new Map<string, "open" | "done">();
  const cycles: string[][] = [];
  for (const start of parents.keys()) {
    const path: { name: string; next: number }[] = state.has(start) ? [] : [{ name: start, next: 0 }];
    if (path.length > 0) state.set(start, "open");
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const parent = parents.get(top.name)?.[top.next++];
      if (parent === undefined) {
        state.set(top.name, "done");
        path.pop();
      } else if (state.get(parent) === "open") {
        cycles.push(
          path
            .slice(path.findIndex((step) => step.name === parent))
            .map((step) => step.name)
            .toReversed(),
        );
      } else if (!state.has(parent)) {
        state.set(parent, "open");
        path.push({ name: parent, next: 0 });
      }
    }
  }
  return cycles;
}
