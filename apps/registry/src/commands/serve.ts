import { parseArgs } from "node:util";
import type { LogEntry } from "../registry.ts";
import { serveRegistry } from "../serve.ts";
import type { ServeOptions } from "../serve.ts";
import { UsageError } from "./command.ts";
import type { CommandIo } from "./command.ts";

/** Serves until a signal, and says where. */
export async function serve(args: readonly string[], io: CommandIo): Promise<void> {
  const registry = serveRegistry(readServeOptions(args));
  io.print(`listening on ${registry.endpoint}\n`);
  await new Promise<void>((resolve) => {
    process.once("SIGTERM", () => resolve());
    process.once("SIGINT", () => resolve());
  });
  await registry.stop();
}

function readServeOptions(args: readonly string[]): ServeOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      data: { type: "string" },
      listen: { type: "string", default: "127.0.0.1:5000" },
      log: { type: "string", default: "errors" },
      open: { type: "boolean", default: false },
      "open-anywhere": { type: "boolean", default: false },
      "public-url": { type: "string" },
    },
  });
  if (positionals.length !== 0) throw new UsageError(`"${positionals[0] ?? ""}" is one argument too many`);
  if (values.data === undefined || values.data === "") throw new UsageError("--data is missing");
  const match = /^(\[[^\]]+\]|[^:]+):(\d{1,5})$/.exec(values.listen);
  if (match === null || Number(match[2]) > 65_535)
    throw new UsageError(`--listen is "${values.listen}", which is not HOST:PORT`);
  const publicUrl = values["public-url"];
  if (publicUrl !== undefined && !/^https?:$/.test(URL.parse(publicUrl)?.protocol ?? ""))
    throw new UsageError(`--public-url is "${publicUrl}", which is no address such as https://registry.example.org`);
  const log = logger(values.log);
  return {
    dataDirectory: values.data,
    hostname: (match[1] ?? "").replace(/^\[|\]$/g, ""),
    port: Number(match[2]),
    access: values.open || values["open-anywhere"] ? "open" : "users",
    openAnywhere: values["open-anywhere"],
    ...(publicUrl === undefined ? {} : { publicUrl }),
    ...(log === undefined ? {} : { log }),
  };
}

function logger(level: string): ((entry: LogEntry) => void) | undefined {
  if (level === "off") return undefined;
  if (level !== "errors" && level !== "requests")
    throw new UsageError(`--log is "${level}", not off, errors or requests`);
  return (entry) => {
    if (level === "requests" || entry.status >= 500) process.stderr.write(`${JSON.stringify(entry)}\n`);
  };
}
