import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statfsSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import type { ByteSource, CancelSignal, Digest } from "@cpm/base";
import { digestAlgorithm, digestHex, encodeUtf8 } from "@cpm/base";
import type { Store } from "@cpm/oci";
import { ArrivingUnpacker } from "./arriving-unpacker.ts";
import { BlobDirectory, makeDirectory } from "./blob-directory.ts";
import { noSpace, storeError, systemCode, withFileErrors } from "./errors.ts";
import { failpoint } from "./failpoint.ts";
import { FileSystemSync } from "./file-system-sync.ts";
import { readFileBytes, replaceFile, syncDirectory } from "./files.ts";
import { createHasher } from "./hash.ts";
import { KeyedQueue } from "./keyed-queue.ts";
import type { ProcessIdentity } from "./process-lock.ts";
import { currentProcess, isRunning, waitForLock } from "./process-lock.ts";
import { removeTree, removeTreeSync } from "./remove-tree.ts";
import type { PackedContent, TreeUnpacker } from "./tree-unpacker.ts";
import { verifyTree } from "./verify-tree.ts";

const layoutVersion = 1;
const lockTimeoutMs = 10 * 60_000;

/** What is to be on the node: the layers of a package for this platform, and the tree that they must become. */
export interface TreeRequest {
  readonly tree: Digest;
  readonly layers: readonly PackedContent[];
  readonly source: Pick<Store, "read">;
  readonly onProgress?: (addedBytes: number) => void;
  readonly signal?: CancelSignal | undefined;
}

export interface PlacedTree {
  /** The directory with the files, absolute: it never changes and is never written again. */
  readonly path: string;
  /** Whether it was there already. */
  readonly present: boolean;
}

/**
 * The packages of one node, on one file system:
 *
 *     VERSION                        of this layout
 *     blobs/sha256/<hex>             layers as fetched
 *     trees/sha256/<hex>/root        unpacked, immutable, addressed by the canonical listing
 *     trees/sha256/<hex>/tree.json   the listing
 *     refs/<namespace>/<name>/<version>   symlink to a root
 *     objects/                       second names of files that trees may share, where they do
 *     ingest/ staging/ trash/ locks/ work in progress and on its way out; lock files of trees
 *
 * A tree appears whole or not at all, and a ref only ever points to a tree that is durable. Readers need no
 * process of ours: one readlink finds a package.
 */
export class NodeStore {
  readonly root: string;
  readonly blobs: BlobDirectory;
  readonly #unpacker: TreeUnpacker;
  readonly #queue = new KeyedQueue();

  /** Use `openNodeStore`. Unpacks in this process unless another unpacker is given. */
  constructor(root: string, unpacker: TreeUnpacker = new ArrivingUnpacker()) {
    this.root = root;
    this.blobs = new BlobDirectory(root);
    this.#unpacker = unpacker;
  }

  /** Where a tree is or will be; needs no access to the disk. */
  treePath(tree: Digest): string {
    return join(this.treeFolder(tree), "root");
  }

  /** What holds the tree and its listing. */
  treeFolder(tree: Digest): string {
    return join(this.root, "trees", digestAlgorithm(tree), digestHex(tree));
  }

  holds(tree: Digest): boolean {
    return existsSync(join(this.treeFolder(tree), "tree.json"));
  }

  /**
   * Makes sure that a tree is on this node: fetches what is missing, unpacks it where nobody looks, checks it and
   * publishes it in one step. Two callers for one tree, also of two processes, do the work once.
   */
  async ensureTree(request: TreeRequest): Promise<PlacedTree> {
    const path = this.treePath(request.tree);
    if (this.holds(request.tree)) return { path, present: true };
    return this.#alone(request, async () => {
      if (this.holds(request.tree)) return { path, present: true };
      await this.#make(request, (staging) => this.#publish(staging, request.tree));
      return { path, present: false };
    });
  }

  /**
   * Makes a tree anew that is damaged: fetches and unpacks as `ensureTree` does, and then has `swap` put the whole tree,
   * at its first path, in the place of the damaged one. What lies at the first path afterwards is removed; so it is when
   * `swap` throws, and then the damaged tree is as it was.
   */
  async replaceTree(request: TreeRequest, swap: (staging: string, folder: string) => void): Promise<void> {
    const folder = this.treeFolder(request.tree);
    await this.#alone(request, () =>
      this.#make(request, async (staging) => {
        swap(staging, folder);
        syncDirectory(dirname(folder));
        failpoint("heal/tree-replaced");
        await removeTree(staging);
      }),
    );
  }

  /** One writer of a tree at a time, of all processes. */
  async #alone<T>({ tree, signal }: TreeRequest, work: () => Promise<T>): Promise<T> {
    const release = await this.#queue.enter(tree);
    try {
      makeDirectory(join(this.root, "locks"));
      const lock = await waitForLock(join(this.root, "locks", `${digestHex(tree)}.write`), lockTimeoutMs, signal);
      try {
        return await work();
      } finally {
        lock.release();
      }
    } finally {
      release();
    }
  }

  /** Points a version at a tree that is here, in one step. */
  setRef(name: string, version: string, tree: Digest): void {
    const path = this.#refPath(name, version);
    makeDirectory(dirname(path));
    const target = relative(dirname(path), this.treePath(tree));
    const staging = this.createStaging();
    try {
      const link = join(staging, "ref");
      withFileErrors("create", link, () => symlinkSync(target, link));
      failpoint("node/ref-created");
      withFileErrors("publish", path, () => renameSync(link, path));
    } finally {
      rmSync(staging, { recursive: true, force: true });
    }
    failpoint("node/ref-renamed");
    syncDirectory(dirname(path));
  }

  /** The directory of an installed version: one readlink. Undefined when there is none. */
  resolveRef(name: string, version: string): string | undefined {
    const path = this.#refPath(name, version);
    try {
      return join(dirname(path), readlinkSync(path));
    } catch (error) {
      if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return undefined;
      throw withFileErrors("read", path, () => {
        throw error;
      });
    }
  }

  /** False when there was none. */
  removeRef(name: string, version: string): boolean {
    const path = this.#refPath(name, version);
    try {
      unlinkSync(path);
    } catch (error) {
      if (systemCode(error) === "ENOENT") return false;
      throw withFileErrors("remove", path, () => {
        throw error;
      });
    }
    syncDirectory(dirname(path));
    return true;
  }

  /** Reads every file of a tree again; the paths that are not what the listing says. See `verifyTree`. */
  damagedPaths(tree: Digest): readonly string[] {
    const paths: string[] = [];
    verifyTree(this.treeFolder(tree), tree, { onDamaged: (path) => void paths.push(path) });
    return paths;
  }

  /** Refuses work that cannot fit, with a twentieth to spare, before anything is written. */
  #admit(request: TreeRequest): void {
    const neededBytes = request.layers.reduce((sum, { descriptor, declared }) => {
      const missing = this.blobs.stat(descriptor.digest) === undefined;
      return sum + declared.sizeBytes + (missing ? descriptor.sizeBytes : 0);
    }, 0);
    const { bavail, bsize } = withFileErrors("measure", this.root, () => statfsSync(this.root));
    const freeBytes = bavail * bsize;
    if (neededBytes * 1.05 > freeBytes) throw noSpace(this.root, neededBytes, freeBytes);
  }

  /** Unpacks where nobody looks; what is given to `publish` is checked and durable. */
  async #make(request: TreeRequest, publish: (staging: string) => void | Promise<void>): Promise<void> {
    this.#admit(request);
    const staging = this.createStaging();
    withFileErrors("create", staging, () => mkdirSync(join(staging, "root"), 0o755));
    failpoint("node/staging-made");
    const sync = new FileSystemSync(staging);
    const { tree, layers, source, signal, onProgress = () => {} } = request;
    const onFile = (sizeBytes: number) => sync.wrote(sizeBytes);
    try {
      await this.#unpacker.unpack({ staging, tree, layers, source, blobs: this.blobs, onProgress, onFile, signal });
      const digest = await hashFile(readFileBytes(join(staging, "tree.json")));
      if (digest !== tree) {
        throw storeError("node/tree-mismatch", `the package declares tree ${tree} and unpacks to ${digest}`, {
          context: { expected: tree, actual: digest },
        });
      }
      // Nobody may look while it is written; everybody may read what is published.
      withFileErrors("protect", staging, () => chmodSync(staging, 0o755));
      this.#makeLockFile(tree);
      failpoint("node/tree-unpacked");
      await sync.finish();
      failpoint("node/tree-synced");
      await publish(staging);
    } catch (error) {
      await sync.abandon();
      await removeTree(staging);
      throw error;
    }
  }

  /** Durable data came first; now the name, then the name's durability: a crash leaves a whole tree or none. */
  #publish(staging: string, tree: Digest): void {
    const folder = this.treeFolder(tree);
    makeDirectory(dirname(folder));
    withFileErrors("publish", folder, () => renameSync(staging, folder));
    failpoint("node/tree-renamed");
    syncDirectory(dirname(folder));
    failpoint("node/tree-published");
  }

  /** Before the tree is there and synced with it: a tree that is there can be locked, after a crash too. */
  #makeLockFile(tree: Digest): void {
    const lock = join(this.root, "locks", digestHex(tree));
    if (!existsSync(lock)) withFileErrors("create", lock, () => writeFileSync(lock, "", { mode: 0o444 }));
  }

  /** A directory for work, named after its process, so that a later one can tell whether anybody is still at it. */
  createStaging(): string {
    const { pid, started } = currentProcess();
    const owner = Buffer.from(JSON.stringify({ pid, started })).toString("base64url");
    const path = join(this.root, "staging", `${owner}.${Math.random().toString(36).slice(2, 12)}`);
    makeDirectory(dirname(path));
    withFileErrors("create", path, () => mkdirSync(path, 0o700));
    return path;
  }

  /** Removes what dead processes left half done, but for what can be continued. In proportion to that, not to the store. */
  recover(): void {
    for (const name of this.#entries("staging")) {
      const owner = stagingOwner(name);
      if (owner === undefined || !isRunning(owner)) removeTreeSync(join(this.root, "staging", name));
    }
    this.blobs.recover();
  }

  #entries(folder: string): readonly string[] {
    const path = join(this.root, folder);
    return existsSync(path) ? withFileErrors("list", path, () => readdirSync(path)) : [];
  }

  #refPath(name: string, version: string): string {
    return join(this.root, "refs", name, version);
  }
}

/**
 * Opens or makes a node store and removes what a crash left. Unpacks in this process unless another unpacker is given.
 * Throws `node/layout-version` for one of a newer cpm.
 */
export function openNodeStore(root: string, unpacker?: TreeUnpacker): NodeStore {
  makeDirectory(root);
  const marker = join(root, "VERSION");
  if (!existsSync(marker)) replaceFile(marker, encodeUtf8(`${layoutVersion}\n`));
  const found = Number(withFileErrors("read", marker, () => readFileSync(marker, "utf8")));
  if (found !== layoutVersion)
    throw storeError("node/layout-version", `${root} has layout version ${found}; this cpm knows ${layoutVersion}`);
  const store = new NodeStore(root, unpacker);
  store.recover();
  return store;
}

async function hashFile(bytes: ByteSource): Promise<Digest> {
  const hasher = createHasher();
  for await (const chunk of bytes) hasher.update(chunk);
  return hasher.digest();
}

function stagingOwner(name: string): ProcessIdentity | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(name.split(".")[0] ?? "", "base64url").toString("utf8"));
    if (typeof parsed !== "object" || parsed === null || !("pid" in parsed) || !("started" in parsed)) return undefined;
    return { pid: Number(parsed.pid), started: String(parsed.started) };
  } catch {
    // A name that we did not give: nobody's work.
    return undefined;
  }
}
