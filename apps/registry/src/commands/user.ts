import { parseArgs } from "node:util";
import { hashPassword } from "../access/passwords.ts";
import { parseUserName } from "../access/users.ts";
import { accountOptions, positionalsOf, printResult, withAccounts } from "./command.ts";
import type { CommandIo, Verb } from "./command.ts";
import { UsageError } from "@cpm/service";

export const userVerbs: Readonly<Record<string, Verb>> = {
  add: {
    usage: "user add NAME [--admin] [--identity ID]… [--password-stdin | --no-password] WHERE [--json]",
    async run(args, io) {
      const { values, positionals } = parseArgs({
        args: [...args],
        allowPositionals: true,
        options: {
          ...accountOptions,
          admin: { type: "boolean", default: false },
          identity: { type: "string", multiple: true, default: [] },
          "password-stdin": { type: "boolean", default: false },
          "no-password": { type: "boolean", default: false },
        },
      });
      const [name = ""] = positionalsOf(positionals, "NAME");
      parseUserName(name);
      const { admin, identity } = values;
      if (values["password-stdin"] && values["no-password"])
        throw new UsageError("--password-stdin and --no-password exclude one another");
      const hash = values["no-password"]
        ? undefined
        : await hashPassword(await newPassword(io, values["password-stdin"]));
      const user = { name, admin, passwordHash: hash, identities: identity };
      await withAccounts(values, io, ({ users }, by) => users.add(user, by), true);
      const kind = admin ? "administrator" : "user";
      printResult(io, values.json, { name, admin, identities: identity }, [`${name} is a new ${kind}`]);
    },
  },
  list: {
    usage: "user list WHERE [--json]",
    async run(args, io) {
      const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: accountOptions });
      positionalsOf(positionals);
      const users = await withAccounts(values, io, (accounts) => accounts.users.list());
      const lines = users.map(({ name, admin, identities }) =>
        [name, admin ? "administrator" : "user", ...identities].join("  "),
      );
      printResult(io, values.json, { users }, lines);
    },
  },
  remove: {
    usage: "user remove NAME WHERE [--json]",
    async run(args, io) {
      const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: accountOptions });
      const [name = ""] = positionalsOf(positionals, "NAME");
      await withAccounts(values, io, ({ users }, by) => users.remove(name, by));
      printResult(io, values.json, { removed: name }, [`${name} is removed, with tokens and memberships`]);
    },
  },
  passwd: {
    usage: "user passwd NAME [--password-stdin] WHERE [--json]",
    async run(args, io) {
      const { values, positionals } = parseArgs({
        args: [...args],
        allowPositionals: true,
        options: { ...accountOptions, "password-stdin": { type: "boolean", default: false } },
      });
      const [name = ""] = positionalsOf(positionals, "NAME");
      await withAccounts(values, io, async ({ users }, by) => {
        await users.need(name);
        await users.setPassword(name, await hashPassword(await newPassword(io, values["password-stdin"])), by);
      });
      printResult(io, values.json, { changed: name }, [`${name} has a new password`]);
    },
  },
  bind: {
    usage: "user bind NAME IDENTITY WHERE [--json]",
    async run(args, io) {
      const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: accountOptions });
      const [name = "", identity = ""] = positionalsOf(positionals, "NAME", "IDENTITY");
      await withAccounts(values, io, ({ users }, by) => users.bindIdentity(name, identity, by));
      printResult(io, values.json, { name, identity }, [`${name} signs in by ${identity}`]);
    },
  },
  unbind: {
    usage: "user unbind NAME IDENTITY WHERE [--json]",
    async run(args, io) {
      const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: accountOptions });
      const [name = "", identity = ""] = positionalsOf(positionals, "NAME", "IDENTITY");
      const unbound = await withAccounts(values, io, ({ users }, by) => users.unbindIdentity(name, identity, by));
      const line = unbound ? `${name} no longer signs in by ${identity}` : `it was no identity of ${name}`;
      printResult(io, values.json, { name, identity, unbound }, [line]);
    },
  },
};

/** Typed twice where nobody sees what is typed. */
async function newPassword(io: CommandIo, fromInput: boolean): Promise<string> {
  const password = await io.readSecret("New password: ");
  if (!fromInput && (await io.readSecret("The same again: ")) !== password)
    throw new UsageError("the two passwords differ");
  return password;
}
