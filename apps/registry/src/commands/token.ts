import { parseArgs } from "node:util";
import { parseDuration } from "@cpm/base";
import type { TokenListing } from "../access/tokens.ts";
import { accountOptions, positionalsOf, printResult, withAccounts } from "./command.ts";
import type { Verb } from "./command.ts";
import { UsageError } from "@cpm/service";

export const tokenVerbs: Readonly<Record<string, Verb>> = {
  create: {
    usage:
      "token create USER --scope read|publish|yank|admin… [--package PATTERN]… [--expires 90d] [--label TEXT] WHERE [--json]",
    async run(args, io) {
      const { values, positionals } = parseArgs({
        args: [...args],
        allowPositionals: true,
        options: {
          ...accountOptions,
          scope: { type: "string", multiple: true, default: [] },
          package: { type: "string", multiple: true, default: [] },
          expires: { type: "string" },
          label: { type: "string", default: "" },
        },
      });
      const [user = ""] = positionalsOf(positionals, "USER");
      const lifetimeMs = values.expires === undefined ? undefined : parseDuration(values.expires);
      if (values.expires !== undefined && lifetimeMs === undefined)
        throw new UsageError(`--expires is "${values.expires}", which is no duration such as 90d`);
      const expiresAt = lifetimeMs === undefined ? undefined : io.now() + lifetimeMs;
      const { scope: scopes, package: patterns, label } = values;
      const made = await withAccounts(values, io, ({ tokens }, by) =>
        tokens.create({ user, label, scopes, patterns, expiresAt }, by),
      );
      io.tell("The token is shown this once: keep it where secrets are kept.\n");
      printResult(io, values.json, made, [made.secret]);
    },
  },
  list: {
    usage: "token list [USER] WHERE [--json]",
    async run(args, io) {
      const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: accountOptions });
      const [user] = positionals.length === 0 ? [] : positionalsOf(positionals, "USER");
      const tokens = await withAccounts(values, io, (accounts) => accounts.tokens.list(user));
      printResult(
        io,
        values.json,
        { tokens },
        tokens.map((token) => describe(token, io.now())),
      );
    },
  },
  revoke: {
    usage: "token revoke ID WHERE [--json]",
    async run(args, io) {
      const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: accountOptions });
      const [id = ""] = positionalsOf(positionals, "ID");
      await withAccounts(values, io, ({ tokens }, by) => tokens.revoke(id, by));
      printResult(io, values.json, { revoked: id }, [`${id} is revoked`]);
    },
  },
};

function describe(token: TokenListing, now: number): string {
  const { id, user, scopes, patterns, expiresAt, revokedAt, lastUsedAt, label } = token;
  const expired = expiresAt !== undefined && expiresAt <= now;
  const state = revokedAt !== undefined ? "revoked" : expired ? "expired" : `until ${dayOf(expiresAt) ?? "revoked"}`;
  const used = `used ${dayOf(lastUsedAt) ?? "never"}`;
  return [id, user, scopes.join(","), patterns.join(",") || "*", state, used, label].join("  ").trimEnd();
}

function dayOf(timeMs: number | undefined): string | undefined {
  return timeMs === undefined ? undefined : new Date(timeMs).toISOString().slice(0, 10);
}
