import type { JsonObject } from "@cpm/base";
import type { SearchResult } from "@cpm/registry-client";
import { defineCommand, registryOptions } from "../command.ts";
import { usageError } from "../errors.ts";
import { requireRegistry } from "../require-registry.ts";
import { withSession } from "../with-session.ts";

const defaultLimit = 20;
const maxLimit = 100;

export const search = defineCommand({
  name: "search",
  summary: "Find packages",
  description: "Without words it lists all packages. Needs a registry with a package index, such as cpm-registry.",
  arguments: [
    { name: "words", description: "parts of names, descriptions and keywords", optional: true, repeated: true },
  ],
  options: {
    ...registryOptions,
    limit: { type: "integer", description: `How many to show. Default ${defaultLimit}.` },
    offset: { type: "integer", description: "How many to leave out first." },
    keyword: { type: "strings", value: "WORD", description: "Only packages with this keyword." },
    owner: {
      type: "strings",
      value: "NAME",
      description: "Only packages of this namespace, or of those that this user owns.",
    },
    executor: { type: "strings", value: "TYPE", description: "Only packages that require this executor type." },
    platform: { type: "strings", value: "OS/ARCH", description: "Only packages that can be placed on this platform." },
  },
  examples: [
    { line: "cpm search wordcount", description: "Packages about it." },
    { line: "cpm search --executor container-executor --platform linux/arm64", description: "What runs there." },
    { line: "cpm search --json", description: "All of them, for a program." },
  ],
  async run(invocation) {
    const { args, options, context, output } = invocation;
    return withSession(invocation, async (session) => {
      const registry = session.registry(requireRegistry(session.settings));
      const { limit = defaultLimit, offset = 0, keyword, owner, executor, platform } = options;
      if (limit < 1 || limit > maxLimit)
        throw usageError(`--limit cannot be ${limit}`, `It lies between 1 and ${maxLimit}.`);
      if (offset < 0) throw usageError(`--offset cannot be ${offset}`, "It is 0 or more.");
      const filters = { keyword, owner, executor, platform };
      const found = await registry.searchPackages(args.join(" "), { limit, offset, filters, signal: context.signal });
      const { total, results } = found;
      output.data({ total, results: results.map(toJson) }, () =>
        results.length === 0
          ? "nothing found"
          : output.table(
              [{ title: "NAME" }, { title: "VERSION" }, { title: "DESCRIPTION", flexible: true }],
              results.map(({ name, version, description }) => [name, version, description]),
            ),
      );
      if (total > offset + results.length)
        output.note(`${total - offset - results.length} more: --offset ${offset + limit}`);
      return 0;
    });
  },
});

function toJson({ downloads, ...result }: SearchResult): JsonObject {
  return { ...result, ...(downloads === undefined ? {} : { downloads: { ...downloads } }) };
}
