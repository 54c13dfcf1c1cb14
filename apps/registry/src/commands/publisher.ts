import { parseArgs } from "node:util";
import { positionalsOf, printResult, withAccounts } from "./command.ts";
import type { Verb } from "./command.ts";
import { UsageError } from "./usage-error.ts";

const common = { data: { type: "string" }, json: { type: "boolean" } } as const;

export const publisherVerbs: Readonly<Record<string, Verb>> = {
  add: {
    usage: "publisher add USER --issuer URL --claim NAME=VALUE… --package PATTERN --data DIR [--json]",
    async run(args, io) {
      const { values, positionals } = parseArgs({
        args: [...args],
        allowPositionals: true,
        options: {
          ...common,
          issuer: { type: "string", default: "" },
          claim: { type: "string", multiple: true, default: [] },
          package: { type: "string", default: "" },
        },
      });
      const [user = ""] = positionalsOf(positionals, "USER");
      const { issuer, package: pattern } = values;
      const claims = Object.fromEntries(values.claim.map(parseClaim));
      const added = await withAccounts(values.data, io, ({ publishers }, by) =>
        publishers.add({ user, issuer, claims, package: pattern }, by),
      );
      printResult(io, values.json, added, [`${added.id}: jobs of ${issuer} publish ${pattern} as ${user}`]);
    },
  },
  list: {
    usage: "publisher list --data DIR [--json]",
    async run(args, io) {
      const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: common });
      positionalsOf(positionals);
      const publishers = await withAccounts(values.data, io, (accounts) => accounts.publishers.list());
      const lines = publishers.map(({ id, user, issuer, claims, package: pattern }) =>
        [id, user, pattern, issuer, ...Object.entries(claims).map(([key, value]) => `${key}=${value}`)].join("  "),
      );
      printResult(io, values.json, { publishers }, lines);
    },
  },
  remove: {
    usage: "publisher remove ID --data DIR [--json]",
    async run(args, io) {
      const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: common });
      const [id = ""] = positionalsOf(positionals, "ID");
      await withAccounts(values.data, io, ({ publishers }, by) => publishers.remove(id, by));
      printResult(io, values.json, { removed: id }, [`${id} is removed`]);
    },
  },
};

function parseClaim(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at < 1 || at === text.length - 1) throw new UsageError(`--claim is "${text}", which is not NAME=VALUE`);
  return [text.slice(0, at), text.slice(at + 1)];
}
