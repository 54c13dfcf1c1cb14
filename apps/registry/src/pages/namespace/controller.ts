import { namespaceUnknown } from "../../access/namespaces.ts";
import { countOf } from "../../http/count-of.ts";
import type { Html } from "../html.ts";
import { maxOffset, pageCount, packagesPerPage } from "../page-size.ts";
import type { PageRequest } from "../page-request.ts";
import { namespacePage } from "./page.ts";

/** Throws `registry-server/namespace-unknown` for one that is not there, and in the same words for one that is hidden. */
export async function namespace({ parts, caller, visitor, query }: PageRequest, name: string): Promise<Html> {
  const page = Math.max(1, countOf(query, "page") ?? 1);
  const visible = await parts.gate.visibility(caller);
  const offset = Math.min((page - 1) * packagesPerPage, maxOffset);
  const { total, results } = await parts.metadata.namespacePackages(name, visible, packagesPerPage, offset);
  const listed = (await parts.accounts.namespaces.list(visible.namespaces)).find((entry) => entry.name === name);
  if (total === 0 && listed === undefined) throw namespaceUnknown(name);
  return namespacePage({
    visitor,
    name,
    owners: await parts.accounts.namespaces.owners(name),
    private: listed?.private ?? false,
    total,
    results,
    page,
    pages: pageCount(total),
    nowMs: parts.now(),
  });
}
