import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { whyNoGo } from "@cpm/dev-colony/programs";
import type { PostgresSettings } from "@cpm/registry/testing/databases";
import type { S3Settings } from "@cpm/registry/testing/objects";
import { cpmRegistry } from "./command.ts";
import { sharedPostgresServer, whyNoPostgres } from "./postgres-server.ts";
import { startRegistryProcess } from "./registry-process.ts";
import type { RegistryProcess, RegistryProcessOptions } from "./registry-process.ts";
import { sharedS3Server } from "./s3-server.ts";
import { databaseFlags, objectFlags } from "./storage-flags.ts";

/** Where a registry keeps everything, and whose programs it needs for it. */
export interface StorageMode {
  readonly name: string;
  /** Why it cannot be had here; undefined where it can. */
  readonly reason: string | undefined;
  /** Starts the servers, for which a program may have to be built: that can take minutes, and is once for a process. */
  readonly prepare: () => Promise<void>;
  /** A new place with nothing in it. */
  readonly open: () => Promise<OpenStorage>;
}

export interface OpenStorage {
  /** A process that serves it. */
  start(options?: Omit<RegistryProcessOptions, "environment">): Promise<RegistryProcess>;
  /** A command on its accounts, which must succeed; what it prints. */
  command(args: readonly string[], input?: string): Promise<string>;
  close(): void;
}

export const directoryMode: StorageMode = {
  name: "SQLite and a directory",
  reason: undefined,
  prepare: async () => undefined,
  async open() {
    const data = mkdtempSync(join(tmpdir(), "cpm-mode-"));
    return {
      start: (options) => startRegistryProcess(data, options),
      command: (args, input) => run([...args, "--data", data], input),
      close: () => rmSync(data, { recursive: true, force: true }),
    };
  },
};

export const serversMode: StorageMode = {
  name: "PostgreSQL and S3",
  reason: whyNoPostgres() ?? whyNoGo(),
  async prepare() {
    await Promise.all([sharedPostgresServer(), sharedS3Server()]);
  },
  async open() {
    const settings = await (await sharedPostgresServer()).createEmptyDatabase();
    const s3 = (await sharedS3Server()).settings();
    return serversStorage(settings, { ...s3, prefix: `${settings.database}/` });
  },
};

export const storageModes: readonly StorageMode[] = [directoryMode, serversMode];

/** The place that these servers are. */
export function serversStorage(postgres: PostgresSettings, s3: S3Settings): OpenStorage {
  const where = databaseFlags(postgres);
  const { args: objects, environment } = objectFlags(s3);
  return {
    start: ({ args = [], ...options } = {}) =>
      startRegistryProcess(undefined, { ...options, args: [...where, ...objects, ...args], environment }),
    command: (args, input) => run([...args, ...where], input),
    close: () => undefined,
  };
}

async function run(args: readonly string[], input = ""): Promise<string> {
  const { exitCode, stdout, stderr } = await cpmRegistry(args, input);
  if (exitCode !== 0) throw new Error(`cpm-registry ${args.join(" ")}: ${stderr}`);
  return stdout.trim();
}
