import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { encodeUtf8, isJsonObject, parseJson, stringifyJson } from "@cpm/base";
import { Identity } from "@cpm/colonies";
import { makeDirectory, replaceFile, withFileErrors } from "@cpm/store";

/** Who there is in the dev colony. Made once, so that what was installed is still there the next day. */
export interface DevKeys {
  readonly serverOwner: Identity;
  readonly colonyOwner: Identity;
  readonly user: Identity;
  readonly executor: Identity;
}

const roles = ["serverOwner", "colonyOwner", "user", "executor"] as const;

/** Reads the keys of a folder, or makes them; the file is for its user only. */
export function openDevKeys(folder: string): DevKeys {
  makeDirectory(folder, 0o700);
  const path = join(folder, "keys.json");
  const stored = existsSync(path)
    ? parseJson(
        withFileErrors("read", path, () => readFileSync(path, "utf8")),
        { file: path },
      )
    : {};
  const known = isJsonObject(stored) ? stored : {};
  const identities = roles.map((role) => {
    const key = known[role];
    return [role, typeof key === "string" ? Identity.fromPrivateKey(key) : Identity.generate()] as const;
  });
  if (roles.some((role) => known[role] === undefined)) {
    const document = Object.fromEntries(identities.map(([role, identity]) => [role, identity.exportPrivateKey()]));
    replaceFile(path, encodeUtf8(`${stringifyJson(document, 2)}\n`), 0o600);
  }
  return Object.fromEntries(identities) as unknown as DevKeys;
}
