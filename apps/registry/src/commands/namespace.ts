import { parseArgs } from "node:util";
import { parseRole } from "../access/namespaces.ts";
import { accountOptions, positionalsOf, printResult, withAccounts } from "./command.ts";
import type { Verb } from "./command.ts";
import { UsageError } from "@cpm/service";

export const namespaceVerbs: Readonly<Record<string, Verb>> = {
  add: {
    usage: "namespace add NAME [--private] [--owner USER] WHERE [--json]",
    async run(args, io) {
      const options = {
        ...accountOptions,
        private: { type: "boolean", default: false },
        owner: { type: "string" },
      } as const;
      const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options });
      const [name = ""] = positionalsOf(positionals, "NAME");
      const added = await withAccounts(values, io, async ({ namespaces }, by) => {
        await namespaces.add(name, values.private, values.owner, by);
        return namespaces.need(name);
      });
      printResult(io, values.json, added, [`${name} is a new ${values.private ? "private" : "public"} namespace`]);
    },
  },
  list: {
    usage: "namespace list WHERE [--json]",
    async run(args, io) {
      const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: accountOptions });
      positionalsOf(positionals);
      const namespaces = await withAccounts(values, io, (accounts) => accounts.namespaces.list("all"));
      const lines = namespaces.map(({ name, private: hidden, members }) =>
        [name, hidden ? "private" : "public", ...members.map(({ user, role }) => `${user}:${role}`)].join("  "),
      );
      printResult(io, values.json, { namespaces }, lines);
    },
  },
  set: {
    usage: "namespace set NAME --private | --public WHERE [--json]",
    async run(args, io) {
      const options = { ...accountOptions, private: { type: "boolean" }, public: { type: "boolean" } } as const;
      const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options });
      const [name = ""] = positionalsOf(positionals, "NAME");
      if (values.private === values.public) throw new UsageError("either --private or --public is needed");
      const hidden = values.private === true;
      await withAccounts(values, io, ({ namespaces }, by) => namespaces.setPrivate(name, hidden, by));
      printResult(io, values.json, { name, private: hidden }, [`${name} is ${hidden ? "private" : "public"}`]);
    },
  },
  member: {
    usage: "namespace member NAME USER owner|member|none WHERE [--json]",
    async run(args, io) {
      const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: accountOptions });
      const [name = "", user = "", word = ""] = positionalsOf(positionals, "NAME", "USER", "ROLE");
      const role = word === "none" ? undefined : parseRole(word);
      await withAccounts(values, io, async ({ namespaces }, by) => {
        if (role === undefined) await namespaces.removeMember(name, user, by);
        else await namespaces.setMember(name, user, role, by);
      });
      printResult(io, values.json, { name, user, role: role ?? null }, [`${user} is ${role ?? "not"} in ${name}`]);
    },
  },
};
