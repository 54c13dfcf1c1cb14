import { formatBytes } from "@cpm/base";
import { agentNodes } from "@cpm/operations/placement";
import type { CliContext } from "../context.ts";
import type { Output } from "../output/output.ts";
import type { Session } from "../session.ts";

/** Every agent that was ever enrolled, by name, with what it told the colony last. Asks the colony, not the agents. */
export async function listAgents(
  session: Session,
  { context, output }: { readonly context: CliContext; readonly output: Output },
): Promise<number> {
  const executors = await session.colony().executors.list({ signal: context.signal });
  const rows = agentNodes(executors).map((node) => ({
    name: node.name,
    id: node.id,
    state: node.state,
    lastHeardAt: node.lastHeardAt?.toISOString() ?? null,
    location: node.location,
    version: node.version ?? null,
    platform: node.platform ?? null,
    root: node.root ?? null,
    freeBytes: node.freeBytes ?? null,
    packages: [...node.packages],
  }));
  const titles = ["NAME", "STATE", "HEARD", "VERSION", "PLATFORM", "PACKAGES", "FREE", "ID"];
  output.data(rows, () =>
    rows.length === 0
      ? "no agents"
      : output.table(
          titles.map((title) => ({ title })),
          rows.map((row) => [
            row.name,
            row.state,
            row.lastHeardAt === null ? "never" : output.time(row.lastHeardAt),
            row.version ?? "",
            row.platform ?? "",
            // An agent that has not told its directory has not told its packages either.
            row.root === null ? "" : String(row.packages.length),
            row.freeBytes === null ? "" : formatBytes(row.freeBytes),
            row.id,
          ]),
        ),
  );
  return 0;
}
