import type { FleetRow } from "@cpm/operations/placement";
import { assertFleetIntact, verifyFleet } from "@cpm/operations/placement";
import type { CliContext } from "../context.ts";
import type { Output } from "../output/output.ts";
import type { Session } from "../session.ts";

/** Shows what nodes have and whether it is intact. Throws what is wrong after it was shown. */
export async function showFleet(
  session: Session,
  request: { readonly package: string | undefined; readonly timeoutMs: number | undefined },
  { context, output }: { readonly context: CliContext; readonly output: Output },
): Promise<number> {
  const { clock, signal } = context;
  const fleet = { client: session.colony(), clock, signal };
  const rows = await verifyFleet(request, fleet, (item) => output.progress.update(item));
  output.data(
    rows.map((row) => ({ ...row })),
    () => formatRows(rows, output),
  );
  assertFleetIntact(rows);
  return 0;
}

function formatRows(rows: readonly FleetRow[], output: Output): string {
  if (rows.length === 0) return "no node has a package";
  const columns = [{ title: "NODE" }, { title: "PACKAGE" }, { title: "STATE", flexible: true }];
  return output.table(
    columns,
    rows.map((row) => [row.node, row.package, describeState(row, output)]),
  );
}

function describeState({ state, damagedCount, damagedPaths, why }: FleetRow, output: Output): string {
  const { green, red, yellow } = output.style;
  switch (state) {
    case "intact":
      return green("intact");
    case "damaged":
      return red(
        `damaged: ${damagedCount} ${damagedCount === 1 ? "file" : "files"}, such as ${damagedPaths[0] ?? "?"}`,
      );
    case "missing":
      return red("missing");
    case "absent":
      return "not there";
    case "unanswered":
      return yellow(`did not answer: ${why ?? ""}`);
  }
}
