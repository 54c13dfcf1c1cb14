import { parseArgs } from "node:util";
import { UsageError } from "@cpm/service";
import { openExecutorKey } from "../executor/executor-key.ts";
import type { Command } from "./command.ts";

/** Says by which id a colony would know this agent. Makes the key when there is none. */
export const id: Command = async (args, io) => {
  const options = { key: { type: "string" }, json: { type: "boolean" } } as const;
  const { values } = parseArgs({ args: [...args], options });
  if (values.key === undefined || values.key === "") throw new UsageError("--key is missing");
  const identity = openExecutorKey(values.key);
  io.print(values.json === true ? `${JSON.stringify({ id: identity.id })}\n` : `${identity.id}\n`);
  return 0;
};
