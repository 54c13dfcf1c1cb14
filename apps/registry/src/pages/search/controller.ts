import { countOf } from "../../http/count-of.ts";
import type { Html } from "../html.ts";
import { maxOffset, pageCount, packagesPerPage } from "../page-size.ts";
import type { PageRequest } from "../page-request.ts";
import { searchPage } from "./page.ts";

const maxQueryLength = 200;

export async function search({ parts, caller, visitor, query: fields }: PageRequest): Promise<Html> {
  const query = (fields.get("q") ?? "").trim().slice(0, maxQueryLength);
  const page = Math.max(1, countOf(fields, "page") ?? 1);
  const offset = Math.min((page - 1) * packagesPerPage, maxOffset);
  const found = await parts.metadata.search(query, await parts.gate.visibility(caller), packagesPerPage, offset);
  const { total, results } = found;
  // The index narrows by nothing but the query yet; a filter that it learns is a row here.
  return searchPage({
    visitor,
    query,
    filters: [],
    total,
    results,
    page,
    pages: pageCount(total),
    nowMs: parts.now(),
  });
}
