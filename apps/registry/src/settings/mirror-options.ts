import { isLoopback } from "@cpm/registry-client";
import type { Credential } from "@cpm/registry-client";
import { UsageError } from "@cpm/service";
import { parseMirrorRule } from "../mirror/mirror-rule.ts";
import type { MirrorOptions } from "../mirror/mirrors.ts";
import type { RegistrySettingReader } from "./setting-table.ts";

const maxAgeMs = 10 * 365 * 24 * 60 * 60_000;

/** Throws `UsageError` for what cannot be, and never says a password. */
export function readMirrors(reader: RegistrySettingReader): MirrorOptions {
  const rules = reader.list("mirrors").entries.map(parseMirrorRule);
  const credentials = readCredentials(reader);
  const stray = [...credentials.keys()].find((host) => !rules.some(({ origin }) => origin.host === host));
  if (stray !== undefined) throw new UsageError(`there are credentials for ${stray}, and no --mirror of it`);
  const clear = rules.find(({ origin }) => credentials.has(origin.host) && isReadable(origin));
  if (clear !== undefined) throw new UsageError(`the credentials for ${clear.origin.host} need https`);
  return {
    rules,
    credentials,
    freshMs: reader.duration("mirrorFresh"),
    maxBytes: reader.size("mirrorMaxBytes"),
    maxAgeMs: reader.duration("mirrorMaxAge", maxAgeMs),
  };
}

/** Whether what is sent there can be read on the way. */
function isReadable({ protocol, hostname }: URL): boolean {
  return protocol === "http:" && !isLoopback(hostname);
}

function readCredentials(reader: RegistrySettingReader): ReadonlyMap<string, Credential> {
  const { entries, source } = reader.list("mirrorCredentials");
  return new Map(
    entries.map((entry) => {
      const [, host = "", username = "", password = ""] = /^([^=\s]+)=([^:\s]+):(.+)$/s.exec(entry) ?? [];
      if (host === "")
        throw new UsageError(`mirrorCredentials (${source}) has an entry that is not HOST=USER:PASSWORD`);
      return [host, { kind: "password", username, password }];
    }),
  );
}
