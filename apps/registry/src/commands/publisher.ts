import { parseArgs } from "node:util";
import { accountOptions, positionalsOf, printResult, withAccounts } from "./command.ts";
import type { Verb } from "./command.ts";
import { UsageError } from "@cpm/service";

export const publisherVerbs: Readonly<Record<string, Verb>> = {
  add: {
    usage: "publisher add USER --issuer URL --claim NAME=VALUE… --package PATTERN WHERE [--json]",
    async run(args, io) {
      const { values, positionals } = parseArgs({
        args: [...args],
        allowPositionals: true,
        options: {
          ...accountOptions,
          issuer: { type: "string", default: "" },
          claim: { type: "string", multiple: true, default: [] },
          package: { type: "string", default: "" },
        },
      });
      const [user = ""] = positionalsOf(positionals, "USER");
      const { issuer, package: pattern } = values;
      const claims = Object.fromEntries(values.claim.map(parseClaim));
      const added = await withAccounts(values, io, ({ publishers }, by) =>
        publishers.add({ user, issuer, claims, package: pattern }, by),
      );
      printResult(io, values.json, added, [`${added.id}: jobs of ${issuer} publish ${pattern} as ${user}`]);
    },
  },
  list: {
    usage: "publisher list WHERE [--json]",
    async run(args, io) {
      const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: accountOptions });
      positionalsOf(positionals);
      const publishers = await withAccounts(values, io, (accounts) => accounts.publishers.list());
      const lines = publishers.map(({ id, user, issuer, claims, package: pattern }) =>
        [id, user, pattern, issuer, ...Object.entries(claims).map(([key, value]) => `${key}=${value}`)].join("  "),
      );
      printResult(io, values.json, { publishers }, lines);
    },
  },
  remove: {
    usage: "publisher remove ID WHERE [--json]",
    async run(args, io) {
      const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: accountOptions });
      const [id = ""] = positionalsOf(positionals, "ID");
      await withAccounts(values, io, ({ publishers }, by) => publishers.remove(id, by));
      printResult(io, values.json, { removed: id }, [`${id} is removed`]);
    },
  },
};

function parseClaim(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at < 1 || at === text.length - 1) throw new UsageError(`--claim is "${text}", which is not NAME=VALUE`);
  return [text.slice(0, at), text.slice(at + 1)];
}
