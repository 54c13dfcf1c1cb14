import { parseArgs } from "node:util";
import { parseWebhookUrl } from "../webhooks/webhook-url.ts";
import { parseChangeKinds } from "../webhooks/webhooks.ts";
import { accountOptions, positionalsOf, printResult, withAccounts } from "./command.ts";
import type { Verb } from "./command.ts";

export const webhookVerbs: Readonly<Record<string, Verb>> = {
  add: {
    usage: "webhook add NAMESPACE URL [--event KIND]… WHERE [--json]",
    async run(args, io) {
      const options = { ...accountOptions, event: { type: "string", multiple: true } } as const;
      const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options });
      const [namespace = "", text = ""] = positionalsOf(positionals, "NAMESPACE", "URL");
      const [url, events] = [parseWebhookUrl(text), parseChangeKinds(values.event ?? [])];
      const added = await withAccounts(values, io, ({ webhooks }, by) => webhooks.add(namespace, url, events, by));
      if (values.json !== true) io.tell("the secret is shown once:\n");
      printResult(io, values.json, added, [added.secret]);
    },
  },
  list: {
    usage: "webhook list NAMESPACE WHERE [--json]",
    async run(args, io) {
      const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: accountOptions });
      const [namespace = ""] = positionalsOf(positionals, "NAMESPACE");
      const webhooks = await withAccounts(values, io, (accounts) => accounts.webhooks.list(namespace));
      const lines = webhooks.map(({ id, url, disabled }) =>
        [id, url, ...(disabled === undefined ? [] : [`disabled: ${disabled}`])].join("  "),
      );
      printResult(io, values.json, { webhooks }, lines);
    },
  },
  remove: {
    usage: "webhook remove NAMESPACE ID WHERE [--json]",
    async run(args, io) {
      const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: accountOptions });
      const [namespace = "", id = ""] = positionalsOf(positionals, "NAMESPACE", "ID");
      await withAccounts(values, io, ({ webhooks }, by) => webhooks.remove(namespace, id, by));
      printResult(io, values.json, { namespace, id }, [`${id} is told of nothing any more`]);
    },
  },
  test: {
    usage: "webhook test NAMESPACE ID WHERE [--json]",
    async run(args, io) {
      const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: accountOptions });
      const [namespace = "", id = ""] = positionalsOf(positionals, "NAMESPACE", "ID");
      const delivery = await withAccounts(values, io, ({ webhooks }, by) => webhooks.test(namespace, id, by));
      printResult(io, values.json, { namespace, id, delivery }, ["a registry that runs delivers a test now"]);
    },
  },
};
