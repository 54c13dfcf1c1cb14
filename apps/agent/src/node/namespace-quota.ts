import { formatBytes } from "@cpm/base";
import type { Digest } from "@cpm/base";
import type { PackageName } from "@cpm/model";
import { agentError } from "../errors.ts";
import type { InstalledPackages } from "./installed-packages.ts";

/** How much the packages of one namespace may take on this node, those under way included. */
export class NamespaceQuota {
  readonly #packages: InstalledPackages;
  readonly #limitBytes: number | undefined;
  readonly #reservedBytes = new Map<string, number>();

  /** `limitBytes`: of each namespace; undefined for none. */
  constructor(packages: InstalledPackages, limitBytes: number | undefined) {
    this.#packages = packages;
    this.#limitBytes = limitBytes;
  }

  /** Makes room for a tree of that size, unpacked, until it is disposed. Throws `agent/quota`. */
  reserve(name: PackageName, tree: Digest, sizeBytes: number): Disposable {
    const namespace = name.slice(0, name.indexOf("/"));
    const reservedBytes = this.#reservedBytes.get(namespace) ?? 0;
    if (this.#limitBytes !== undefined) this.#assertRoom(namespace, this.#limitBytes, tree, reservedBytes + sizeBytes);
    this.#reservedBytes.set(namespace, reservedBytes + sizeBytes);
    return {
      [Symbol.dispose]: () => {
        const left = (this.#reservedBytes.get(namespace) ?? 0) - sizeBytes;
        if (left > 0) this.#reservedBytes.set(namespace, left);
        else this.#reservedBytes.delete(namespace);
      },
    };
  }

  #assertRoom(namespace: string, limitBytes: number, tree: Digest, neededBytes: number): void {
    const installed = this.#packages.list(namespace).map((ref) => this.#packages.describe(ref));
    const sizes = new Map(installed.map((one) => [one.tree, one.sizeBytes]));
    // What is here already under another version takes no more room.
    if (sizes.has(tree)) return;
    const usedBytes = [...sizes.values()].reduce((sum, one) => sum + one, 0);
    if (usedBytes + neededBytes <= limitBytes) return;
    const [used, needed, limit] = [usedBytes, neededBytes, limitBytes].map(formatBytes);
    throw agentError(
      "agent/quota",
      `the packages of ${namespace} take ${used}, and may take ${limit}: ${needed} more is too much`,
      {
        context: { namespace, usedBytes, neededBytes, limitBytes },
      },
    );
  }
}
