import type { CliContext } from "../context.ts";
import type { Output } from "../output/output.ts";
import type { Session } from "../session.ts";
import { agentExecutorType } from "./agent-type.ts";

/** Every agent that was ever enrolled, by name. */
export async function listAgents(
  session: Session,
  { context, output }: { readonly context: CliContext; readonly output: Output },
): Promise<number> {
  const executors = await session.colony().executors.list({ signal: context.signal });
  const rows = executors
    .filter(({ type }) => type === agentExecutorType)
    .map(({ id, name, state, lastHeardAt }) => ({ name, id, state, lastHeardAt: lastHeardAt?.toISOString() ?? null }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  output.data(rows, () =>
    rows.length === 0
      ? "no agents"
      : output.table(
          [{ title: "NAME" }, { title: "STATE" }, { title: "HEARD" }, { title: "ID" }],
          rows.map((row) => [
            row.name,
            row.state,
            row.lastHeardAt === null ? "never" : output.time(row.lastHeardAt),
            row.id,
          ]),
        ),
  );
  return 0;
}
