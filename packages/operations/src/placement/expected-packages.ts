import type { Revision } from "../release/release-record.ts";
import type { AgentNode } from "./agent-nodes.ts";
import type { FleetRow } from "./verify-fleet.ts";

/** Packages by node, as `namespace/name@version`. */
export type ExpectedPackages = ReadonlyMap<string, ReadonlySet<string>>;

/** What nodes have to have, since releases that are installed had it placed there. */
export function expectedPackages(
  revisions: readonly Revision[],
  matches: (label: string) => boolean,
): ExpectedPackages {
  const expected = new Map<string, Set<string>>();
  for (const { record, status } of revisions) {
    const { nodes = [], packages = [] } = record.placement ?? {};
    const wanted = packages.filter(matches);
    if (status.phase !== "deployed" || wanted.length === 0) continue;
    for (const node of nodes) expected.set(node, new Set([...(expected.get(node) ?? []), ...wanted]));
  }
  return expected;
}

/** An agent lists no more than this, so that what is beyond cannot be called missing. */
const maxListed = 1000;

/** The rows that nodes gave, held against what they have to have. */
export function compareWithExpected(
  rows: readonly FleetRow[],
  expected: ExpectedPackages,
  agents: readonly AgentNode[],
): readonly FleetRow[] {
  const told = rows.map((row): FleetRow => {
    const isMissing = row.state === "absent" && expected.get(row.node)?.has(row.package) === true;
    return isMissing ? { ...row, state: "missing" } : row;
  });
  const more = [...expected].flatMap(([node, packages]): readonly FleetRow[] => {
    const none = { node, package: "", damagedCount: 0, damagedPaths: [] };
    const state = agents.find(({ name }) => name === node)?.state;
    if (state !== "approved")
      return [{ ...none, state: "unanswered", why: `it is ${state ?? "gone from the colony"}` }];
    const own = told.filter((row) => row.node === node);
    if (own.length >= maxListed || own.some((row) => row.state === "unanswered")) return [];
    const gone = [...packages].filter((label) => own.every((row) => row.package !== label));
    return gone.map((label) => ({ ...none, package: label, state: "missing" }));
  });
  return [...told, ...more].toSorted(byNodeAndPackage);
}

function byNodeAndPackage(left: FleetRow, right: FleetRow): number {
  const [a, b] = [`${left.node}\n${left.package}`, `${right.node}\n${right.package}`];
  return a < b ? -1 : a > b ? 1 : 0;
}
