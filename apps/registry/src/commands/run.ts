import { tellFailure, UsageError } from "@cpm/service";
import { runVerb } from "./command.ts";
import type { CommandIo } from "./command.ts";
import { backup, backupUsage } from "./backup.ts";
import { configVerbs } from "./config.ts";
import { exportRegistry, exportUsage } from "./export.ts";
import { importRegistry, importUsage } from "./import.ts";
import { gc, gcUsage } from "./gc.ts";
import { namespaceVerbs } from "./namespace.ts";
import { registrySettings } from "../settings/setting-table.ts";
import { publisherVerbs } from "./publisher.ts";
import { scrub, scrubUsage } from "./scrub.ts";
import { serve } from "./serve.ts";
import { tokenVerbs } from "./token.ts";
import { userVerbs } from "./user.ts";
import { webhookVerbs } from "./webhook.ts";

const commands = { serve, backup, export: exportRegistry, import: importRegistry, gc, scrub } as const;

const verbs = {
  user: userVerbs,
  namespace: namespaceVerbs,
  token: tokenVerbs,
  publisher: publisherVerbs,
  webhook: webhookVerbs,
  config: configVerbs,
};

const usage = `cpm-registry serve --data DIR --listen HOST:PORT

Serves packages: OCI Distribution v1.1 and the package index, from one directory, or any number of them from PostgreSQL
and S3.

${registrySettings.describe(38)}
  --config FILE                       a YAML file with the same settings: publicUrl: https://…
  --help                              this text

Each can also be a variable of the environment: --public-url is CPM_REGISTRY_PUBLIC_URL. A flag comes before a variable,
a variable before the file.

Users, namespaces and tokens, also while the registry runs (--json for programs). WHERE is --data DIR, or --database URL
for PostgreSQL:

${Object.values(verbs)
  .flatMap((group) => Object.values(group).map((verb) => `  cpm-registry ${verb.usage}`))
  .join("\n")}
  cpm-registry ${backupUsage}
  cpm-registry ${exportUsage}
  cpm-registry ${importUsage}
  cpm-registry ${scrubUsage}
  cpm-registry ${gcUsage}
`;

/** Answers the exit status: 0, 2 for wrong usage, and for a failure what its kind stands for, as with `cpm`. */
export async function runCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const [noun = "", ...rest] = args;
  if (args.includes("--help") || args.includes("-h")) {
    io.print(usage);
    return 0;
  }
  try {
    if (isCommand(noun)) await commands[noun](rest, io);
    else if (isNoun(noun)) await runVerb(noun, verbs[noun], rest, io);
    else throw new UsageError(`"${noun}" is none of: ${[...Object.keys(commands), ...Object.keys(verbs)].join(", ")}`);
    return 0;
  } catch (error) {
    return tellFailure(error, { program: "cpm-registry", json: args.includes("--json"), tell: io.tell });
  }
}

function isCommand(text: string): text is keyof typeof commands {
  return Object.hasOwn(commands, text);
}

function isNoun(text: string): text is keyof typeof verbs {
  return Object.hasOwn(verbs, text);
}
