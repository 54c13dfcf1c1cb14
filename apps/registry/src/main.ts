#!/usr/bin/env bun
import { parseArgs } from "node:util";
import { toErrorRecord } from "@cpm/base";
import type { LogEntry } from "./registry.ts";
import { serveRegistry } from "./serve.ts";
import type { RunningRegistry } from "./serve.ts";

const usage = `cpm-registry serve --data DIR --listen HOST:PORT

Serves packages: OCI Distribution v1.1 and the package index, from one directory.

  --data DIR           where everything is kept (made when it is not there)
  --listen HOST:PORT   default 127.0.0.1:5000; port 0 for any that is free
  --log LEVEL          off, errors (default) or requests; JSON lines on stderr
  --help               this text
`;

process.exitCode = await main(process.argv.slice(2));

/** Answers the exit status: 0 after a stop by signal, 2 for wrong usage, 1 for a failure. */
async function main(args: readonly string[]): Promise<number> {
  let options;
  try {
    options = readOptions(args);
  } catch (error) {
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)} [cli/usage]\n\n${usage}`);
    return 2;
  }
  if (options === "help") {
    process.stdout.write(usage);
    return 0;
  }
  let registry: RunningRegistry;
  try {
    registry = serveRegistry(options);
  } catch (error) {
    process.stderr.write(`error: ${describe(error)}\n`);
    return 1;
  }
  process.stdout.write(`listening on ${registry.endpoint}\n`);
  await new Promise<void>((resolve) => {
    process.once("SIGTERM", () => resolve());
    process.once("SIGINT", () => resolve());
  });
  await registry.stop();
  return 0;
}

function describe(error: unknown): string {
  const { code, message, hint } = toErrorRecord(error);
  return `${message} [${code}]${hint === undefined ? "" : `\n  hint: ${hint}`}`;
}

function readOptions(args: readonly string[]) {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      data: { type: "string" },
      listen: { type: "string", default: "127.0.0.1:5000" },
      log: { type: "string", default: "errors" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) return "help" as const;
  if (positionals.length !== 1 || positionals[0] !== "serve") throw new Error("the command is `serve`");
  if (values.data === undefined || values.data === "") throw new Error("--data is missing");
  const match = /^(\[[^\]]+\]|[^:]+):(\d{1,5})$/.exec(values.listen);
  if (match === null || Number(match[2]) > 65_535)
    throw new Error(`--listen is "${values.listen}", which is not HOST:PORT`);
  const hostname = (match[1] ?? "").replace(/^\[|\]$/g, "");
  const log = logger(values.log);
  return { dataDirectory: values.data, hostname, port: Number(match[2]), ...(log === undefined ? {} : { log }) };
}

function logger(level: string): ((entry: LogEntry) => void) | undefined {
  if (level === "off") return undefined;
  if (level !== "errors" && level !== "requests") throw new Error(`--log is "${level}", not off, errors or requests`);
  return (entry) => {
    if (level === "requests" || entry.status >= 500) process.stderr.write(`${JSON.stringify(entry)}\n`);
  };
}
