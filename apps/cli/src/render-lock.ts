import type { LockChange, TreeLine } from "@cpm/operations";

/** What a lockfile gained, lost and moved. */
export function formatLockChanges(changes: readonly LockChange[], packages: number): string {
  const lines = changes.map(({ name, before, after }) => {
    if (before === undefined) return `+ ${name}@${after}`;
    return after === undefined ? `- ${name}@${before}` : `  ${name} ${before} → ${after}`;
  });
  const count = `${packages} package${packages === 1 ? "" : "s"} locked`;
  return [...lines, lines.length === 0 ? `${count}, nothing changed` : count].join("\n");
}

/** Lines of a tree with the branches drawn. */
export function formatTree(lines: readonly TreeLine[]): string {
  return lines
    .map(({ depth, name, version, range, alias, when, repeated }, index) => {
      const guides = Array.from({ length: depth }, (_, level) => {
        const last = isLast(lines, index, level + 1);
        if (level === depth - 1) return last ? "└─ " : "├─ ";
        return last ? "   " : "│  ";
      });
      const what = version === "" ? name : `${name}@${version}`;
      const needed = range === "" ? "" : ` (${range})`;
      const called = alias === undefined ? "" : ` as ${alias}`;
      const condition = when === undefined ? "" : ` when ${when}`;
      return `${guides.join("")}${what}${needed}${called}${condition}${repeated ? " …" : ""}`;
    })
    .join("\n");
}

/** Whether no later line stands on the same branch at a depth. */
function isLast(lines: readonly TreeLine[], index: number, depth: number): boolean {
  for (const line of lines.slice(index + 1)) {
    if (line.depth < depth) return true;
    if (line.depth === depth) return false;
  }
  return true;
}
