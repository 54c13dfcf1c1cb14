import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { isCpmError } from "@cpm/base";
import type { Clock, Diagnostic } from "@cpm/base";
import type { PackageName } from "@cpm/model";
import type { Descriptor } from "@cpm/oci";
import { versionsFromTags } from "@cpm/registry-client";
import type { RegistryClient, Repository } from "@cpm/registry-client";
import { copyGraph, MemoryStore } from "@cpm/store";
import { readPackageDirectory } from "../package/lint-package.ts";
import type { PackageAccess } from "../package/locate-package.ts";
import { packPackage } from "../package/pack-package.ts";
import type { PackedPackage } from "../package/pack-package.ts";
import { PackageMetadata } from "../resolution/package-metadata.ts";
import type { World } from "../resolution/world-facts.ts";

/** A folder for one test file. Must be removed. */
export class Scratch {
  readonly root: string = mkdtempSync(join(tmpdir(), "cpm-operations-"));
  #count = 0;

  fresh(name = "x"): string {
    return join(this.root, `${name}${++this.#count}`);
  }

  /** Writes files into a new folder; what ends in `.sh` can be run. */
  write(files: Readonly<Record<string, string>>, root: string = this.fresh("p")): string {
    for (const [path, text] of Object.entries(files)) {
      const target = join(root, path);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, text);
      chmodSync(target, path.endsWith(".sh") ? 0o755 : 0o644);
    }
    return root;
  }

  async pack(files: Readonly<Record<string, string>>): Promise<PackedPackage> {
    return packPackage(readPackageDirectory(this.write(files)).directory, this.fresh("layout"));
  }

  remove(): void {
    Bun.spawnSync(["chmod", "-R", "u+w", this.root]);
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** A machine without a colony. */
export const alone: World = { cpmVersion: "0.1.0", platform: "linux/amd64" };

/** `colony.yaml` with a name, a version and whatever else is wanted. */
export function manifest(name: string, version: string, more = ""): string {
  return `apiVersion: cpm/v1\nname: ${name}\nversion: ${version}\ndescription: A test.\n${more}`;
}

/** Registries in memory: every host has every name, each a store of its own. */
export class MemoryRegistries {
  readonly #stores = new Map<string, MemoryRepository>();

  repository(host: string, name: string): MemoryRepository {
    const key = `${host}/${name}`;
    const store = this.#stores.get(key) ?? new MemoryRepository();
    this.#stores.set(key, store);
    return store;
  }

  /** Puts a package there, under another name or tag where one is given. */
  async put(host: string, packed: PackedPackage, name: string = packed.name, tag?: string): Promise<Descriptor> {
    const tags = [tag ?? packed.version.text];
    await copyGraph(packed.store, this.repository(host, name), packed.root, { tags });
    return packed.root;
  }

  client(host: string): Pick<RegistryClient, "repository" | "packageVersions"> {
    return {
      repository: (name: string) => this.repository(host, name),
      packageVersions: async (name) => versionsFromTags(this.repository(host, name)),
    };
  }

  access(scratch: Scratch, defaultRegistry?: string): PackageAccess {
    const folder = scratch.fresh("scratch");
    const registry = (host: string) => this.client(host);
    const clock: Clock = { now: () => Date.now(), sleep: async (durationMs) => Bun.sleep(durationMs) };
    return {
      defaultRegistry,
      registry,
      reader: (host, name) => this.repository(host, name),
      metadata: new PackageMetadata({ registry, cacheDirectory: scratch.fresh("listings"), clock }),
      clock,
      scratch: () => folder,
    };
  }
}

class MemoryRepository extends MemoryStore implements Repository {
  async mount(): Promise<boolean> {
    return false;
  }
}

/** The code, message and hint of what is thrown, with the codes of its diagnostics. */
export async function faultOf(run: () => unknown): Promise<Fault> {
  try {
    await run();
  } catch (error) {
    if (!isCpmError(error)) throw error;
    const { code, message, hint = "", diagnostics = [] } = error;
    return { code, message, hint, diagnostics };
  }
  throw new Error("nothing was thrown");
}

export interface Fault {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly diagnostics: readonly Diagnostic[];
}

export function named(name: string): PackageName {
  return name as PackageName;
}
