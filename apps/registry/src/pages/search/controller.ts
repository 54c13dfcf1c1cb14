import { countOf } from "../../http/count-of.ts";
import { filterFields, parseSearchQuery } from "../../http/search-query.ts";
import type { SearchFilters, SearchQuery } from "../../metadata.ts";
import type { Html } from "../html.ts";
import { maxOffset, pageCount, packagesPerPage } from "../page-size.ts";
import type { PageRequest } from "../page-request.ts";
import { searchPage } from "./page.ts";
import type { SearchFilter } from "./page.ts";

export async function search({ parts, caller, visitor, query: fields }: PageRequest): Promise<Html> {
  const query = parseSearchQuery(fields);
  const page = Math.max(1, countOf(fields, "page") ?? 1);
  const offset = Math.min((page - 1) * packagesPerPage, maxOffset);
  const found = await parts.metadata.search(query, await parts.gate.visibility(caller), packagesPerPage, offset);
  const { total, results } = found;
  return searchPage({
    visitor,
    query: query.text,
    filters: [
      filterOf(query, "keywords", "Keyword", "text"),
      filterOf(query, "owners", "Owner", "rise"),
      filterOf(query, "executors", "Executor", "container-executor"),
      filterOf(query, "platforms", "Platform", "linux/amd64"),
    ],
    total,
    results,
    page,
    pages: pageCount(total),
    nowMs: parts.now(),
  });
}

function filterOf(query: SearchQuery, field: keyof SearchFilters, label: string, example: string): SearchFilter {
  return { ...filterFields[field], label, example, values: query.filters[field] };
}
