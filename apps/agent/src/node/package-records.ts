import { mkdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Digest, JsonObject, JsonValue } from "@cpm/base";
import { decodeUtf8, encodeUtf8, isCpmError, isDigest, isJsonObject, parseJson, stringifyJson } from "@cpm/base";
import { removeFile, replaceFile } from "@cpm/store";

/** What the agent knows of an installed version beyond what the directory shows. */
export interface PackageRecord {
  /** Of the manifest, or of the index over several platforms. */
  readonly manifest: Digest;
  readonly tree: Digest;
  readonly sizeBytes: number;
  readonly installedAtMs: number;
  /** Never collected until it is removed. */
  readonly pinned: boolean;
  /** Releases of a colony that need the version: it is kept as long as there is one. */
  readonly holders: readonly string[];
  /** Signature bundles that counted when the version came or was asked for, as they were. */
  readonly signatures?: readonly Uint8Array[];
}

interface KeptRecord {
  readonly inode: number;
  readonly changedAtMs: number;
  readonly record: PackageRecord | undefined;
}

/** Records that are kept in memory, of some hundred bytes each. */
const maxKept = 1024;

/**
 * `records/<namespace>/<name>/<version>.json`, beside the refs. A record is written before its ref, and one that does
 * not fit its ref counts for nothing: the ref is what readers follow. What was read is kept as long as the file is the same.
 */
export class PackageRecords {
  readonly #root: string;
  /** The one that was read first is the first to go. */
  readonly #kept = new Map<string, KeptRecord>();

  constructor(root: string) {
    this.#root = join(root, "records");
  }

  /** Undefined when nothing is known, which is no fault: other programs place packages too. */
  read(name: string, version: string): PackageRecord | undefined {
    const path = this.#path(name, version);
    const file = statSync(path, { throwIfNoEntry: false });
    if (file === undefined) return undefined;
    const kept = this.#kept.get(path);
    // A record is replaced as a whole, so another one is another file.
    if (kept?.inode === file.ino && kept.changedAtMs === file.ctimeMs) return kept.record;
    const record = readRecord(path);
    const [oldest] = this.#kept.size < maxKept ? [] : this.#kept.keys();
    if (oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.set(path, { inode: file.ino, changedAtMs: file.ctimeMs, record });
    return record;
  }

  write(name: string, version: string, record: PackageRecord): void {
    const { manifest, tree, sizeBytes, installedAtMs, pinned, holders, signatures = [] } = record;
    const path = this.#path(name, version);
    mkdirSync(dirname(path), { recursive: true });
    // Two writes within a tick of the file system's clock may leave a file that looks like the first one.
    this.#kept.delete(path);
    const value = {
      manifest,
      tree,
      sizeBytes,
      installedAtMs,
      pinned,
      ...(holders.length === 0 ? {} : { holders }),
      ...(signatures.length === 0 ? {} : { signatures: signatures.map(decodeUtf8) }),
    };
    replaceFile(path, encodeUtf8(`${stringifyJson(value)}\n`));
  }

  remove(name: string, version: string): void {
    const path = this.#path(name, version);
    this.#kept.delete(path);
    removeFile(path);
  }

  #path(name: string, version: string): string {
    return join(this.#root, name, `${version}.json`);
  }
}

function readRecord(path: string): PackageRecord | undefined {
  try {
    return toRecord(parseJson(readFileSync(path, "utf8")));
  } catch (error) {
    if (isCpmError(error, "json/invalid") || (error instanceof Error && "code" in error)) return undefined;
    throw error;
  }
}

function toRecord(value: unknown): PackageRecord | undefined {
  if (!isJsonObject(value as never)) return undefined;
  const { manifest, tree, sizeBytes, installedAtMs, pinned, holders, signatures } = value as JsonObject;
  if (typeof manifest !== "string" || !isDigest(manifest) || typeof tree !== "string" || !isDigest(tree))
    return undefined;
  if (typeof sizeBytes !== "number" || typeof installedAtMs !== "number") return undefined;
  const bundles = textsOf(signatures).map(encodeUtf8);
  return {
    manifest,
    tree,
    sizeBytes,
    installedAtMs,
    pinned: pinned === true,
    holders: textsOf(holders),
    ...(bundles.length === 0 ? {} : { signatures: bundles }),
  };
}

function textsOf(value: JsonValue | undefined): string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === "string") : [];
}
