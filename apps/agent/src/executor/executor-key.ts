import { closeSync, constants, fstatSync, linkSync, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { encodeUtf8 } from "@cpm/base";
import { Identity } from "@cpm/colonies";
import { makeDirectory, removeFile, replaceFile, withFileErrors } from "@cpm/store";
import { agentError } from "../errors.ts";

/**
 * The key by which a colony knows this agent: 64 hex characters in a file for its user only. Made when the file is
 * missing, and never replaced. Throws `agent/key-exposed` when others may read or write the file, or it is no plain
 * file, and `colonies/invalid-key` when no key is in it.
 */
export function openExecutorKey(path: string): Identity {
  return readKey(path) ?? makeKey(path);
}

function readKey(path: string): Identity | undefined {
  const file = openKey(path);
  if (file === undefined) return undefined;
  try {
    // Of the opened file: the name may stand for another one by now.
    const stat = fstatSync(file);
    if (!stat.isFile()) throw agentError("agent/key-exposed", `${path} is not a plain file`);
    if ((stat.mode & 0o077) !== 0) {
      const mode = (stat.mode & 0o777).toString(8);
      throw agentError("agent/key-exposed", `others may use ${path}: its mode is ${mode}`);
    }
    return Identity.fromPrivateKey(withFileErrors("read", path, () => readFileSync(file, "utf8")));
  } finally {
    closeSync(file);
  }
}

function openKey(path: string): number | undefined {
  return withFileErrors("open", path, () => {
    try {
      return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  });
}

/** A link, unlike a rename, never takes the place of a key that somebody made meanwhile. */
function makeKey(path: string): Identity {
  makeDirectory(dirname(path), 0o700);
  const identity = Identity.generate();
  const draft = `${path}.${identity.id.slice(0, 16)}`;
  replaceFile(draft, encodeUtf8(`${identity.exportPrivateKey()}\n`), 0o600);
  try {
    linkSync(draft, path);
    return identity;
  } catch (error) {
    const known = (error as NodeJS.ErrnoException).code === "EEXIST" ? readKey(path) : undefined;
    if (known === undefined) throw error;
    return known;
  } finally {
    removeFile(draft);
  }
}
