import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "@cpm/base";
import { encodeUtf8, isJsonObject, parseJson, stringifyJson } from "@cpm/base";
import { isRunning, makeDirectory, removeFile, replaceFile, withFileErrors } from "@cpm/store";
import type { ProcessIdentity } from "@cpm/store";

/** What the process behind `cpm dev` offers; written by it when everything runs, removed when it ends. */
export interface DevState {
  readonly process: ProcessIdentity;
  /** `host:port`. */
  readonly registry: string;
  readonly server: string;
  readonly colony: string;
  readonly userKey: string;
  readonly ownerKey: string;
  /** `embedded`, or `colonyos` for the real server. */
  readonly kind: string;
  readonly packagesRoot: string;
  readonly executor: string;
}

/** Everything of `cpm dev` lies under one folder, readable by its user only. */
export function devFolder(stateFolder: string): string {
  return join(stateFolder, "dev");
}

/** Undefined when no dev colony runs. What a process that died left behind counts as nothing. */
export function readDevState(stateFolder: string): DevState | undefined {
  const path = statePath(stateFolder);
  if (!existsSync(path)) return undefined;
  const document = parseJson(
    withFileErrors("read", path, () => readFileSync(path, "utf8")),
    { file: path },
  );
  const state = isJsonObject(document) ? parseState(document) : undefined;
  return state !== undefined && isRunning(state.process) ? state : undefined;
}

const texts = ["registry", "server", "colony", "userKey", "ownerKey", "kind", "packagesRoot", "executor"] as const;

/** Undefined for the file of another version, whose process this one does not know. */
function parseState(document: JsonObject): DevState | undefined {
  const owner = document["process"];
  if (!isJsonObject(owner)) return undefined;
  const { pid, started } = owner;
  if (typeof pid !== "number" || pid < 2 || typeof started !== "string") return undefined;
  if (texts.some((key) => typeof document[key] !== "string")) return undefined;
  return document as unknown as DevState;
}

export function writeDevState(stateFolder: string, state: DevState): void {
  makeDirectory(devFolder(stateFolder), 0o700);
  replaceFile(statePath(stateFolder), encodeUtf8(`${stringifyJson(state as never, 2)}\n`), 0o600);
}

export function removeDevState(stateFolder: string): void {
  removeFile(statePath(stateFolder));
}

function statePath(stateFolder: string): string {
  return join(devFolder(stateFolder), "dev.json");
}
