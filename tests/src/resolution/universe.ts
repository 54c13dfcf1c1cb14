import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Clock } from "@cpm/base";
import type { PackageName } from "@cpm/model";
import { versionToTag } from "@cpm/model";
import type { StoreReader } from "@cpm/oci";
import { CachingReader, packPackage, PackageMetadata, readPackageDirectory } from "@cpm/operations";
import type { PackageAccess } from "@cpm/operations";
import { serveRegistry } from "@cpm/registry";
import type { RunningRegistry } from "@cpm/registry";
import { createRegistryClient } from "@cpm/registry-client";
import type { RegistryClient } from "@cpm/registry-client";
import { BlobDirectory, copyGraph } from "@cpm/store";

export interface PackageSketch {
  readonly dependencies?: Readonly<Record<string, string>>;
  /** The text of `requires:`, in flow style. */
  readonly requires?: string;
  /** What makes the bytes differ from those of another package that is otherwise the same. */
  readonly note?: string;
  /** More lines of colony.yaml. */
  readonly more?: string;
  /** Files by path; those in `payload/` are payload, those in `bin/<os>-<arch>/` for that platform only. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
}

/** A real registry with packages in it, and a user's cache in front of it. Must be closed. */
export class Universe {
  readonly folder: string;
  readonly registry: RunningRegistry;
  /** Every request that reached the network, oldest first. */
  readonly requests: string[] = [];
  /** Milliseconds that the clock is ahead. */
  aheadMs = 0;
  #count = 0;

  private constructor(folder: string, registry: RunningRegistry) {
    this.folder = folder;
    this.registry = registry;
  }

  static async open(): Promise<Universe> {
    const folder = mkdtempSync(join(tmpdir(), "cpm-universe-"));
    const dataDirectory = join(folder, "registry");
    return new Universe(folder, await serveRegistry({ dataDirectory, hostname: "127.0.0.1", port: 0, access: "open" }));
  }

  get clock(): Clock {
    return { now: () => Date.now() + this.aheadMs, sleep: async (durationMs) => Bun.sleep(durationMs) };
  }

  /** Writes a package directory without publishing it. */
  sketch(name: string, version: string, sketch: PackageSketch = {}): string {
    const root = join(this.folder, `package-${this.#count++}`);
    const dependencies = Object.entries(sketch.dependencies ?? {}).map(([key, range]) => `  ${key}: "${range}"`);
    const manifest = [
      "apiVersion: cpm/v1",
      `name: ${name}`,
      `version: ${version}`,
      `description: "${sketch.note ?? ""}"`,
      ...(sketch.requires === undefined ? [] : [`requires: ${sketch.requires}`]),
      ...(dependencies.length === 0 ? [] : ["dependencies:", ...dependencies]),
      ...(sketch.more === undefined ? [] : [sketch.more]),
    ];
    const files = Object.entries(sketch.files ?? {});
    const platforms = [...new Set(files.flatMap(([path]) => /^bin\/([a-z0-9]+-[a-z0-9]+)\//.exec(path)?.[1] ?? []))];
    const common = files.some(([path]) => path.startsWith("payload/")) ? ["  - {include: [payload/**]}"] : [];
    const own = platforms.map((name) => `  - {include: ["bin/${name}/**"], platform: ${name.replace("-", "/")}}`);
    if (common.length + own.length > 0) manifest.push("payload:", ...common, ...own);
    mkdirSync(join(root, "templates"), { recursive: true });
    for (const [path, content] of files) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    }
    writeFileSync(join(root, "colony.yaml"), `${manifest.join("\n")}\n`);
    return root;
  }

  async publish(name: string, version: string, sketch: PackageSketch = {}): Promise<string> {
    return this.publishDirectory(name, this.sketch(name, version, sketch));
  }

  /** What a sketch has become meanwhile. */
  async publishDirectory(name: string, root: string): Promise<string> {
    const { store, root: top } = await packPackage(
      readPackageDirectory(root).directory,
      join(this.folder, `layout-${this.#count}`),
    );
    const tags = [versionToTag(readPackageDirectory(root).directory.manifest.version)];
    await copyGraph(store, this.client().repository(name), top, { tags });
    return top.digest;
  }

  client(): RegistryClient {
    return createRegistryClient({
      registry: this.registry.host,
      credentials: { get: async () => undefined },
      userAgent: "test",
      fetch: async (url, init) => {
        this.requests.push(new URL(url).pathname);
        return fetch(url, init);
      },
    });
  }

  /** A user's access, with a cache that outlives the call: `cache` names it. */
  access(
    options: { readonly cache?: string; readonly offline?: boolean; readonly registry?: string } = {},
  ): PackageAccess {
    const cache = join(this.folder, "caches", options.cache ?? "one");
    const client = this.client();
    const offline = options.offline === true;
    const scratch = join(this.folder, `scratch-${this.#count++}`);
    return {
      defaultRegistry: options.registry ?? this.registry.host,
      registry: () => client,
      reader: (_host: string, name: PackageName): StoreReader =>
        new CachingReader(client.repository(name), new BlobDirectory(join(cache, "contents")), offline),
      metadata: new PackageMetadata({
        registry: () => client,
        cacheDirectory: join(cache, "listings"),
        clock: this.clock,
        offline,
      }),
      clock: this.clock,
      scratch: () => {
        mkdirSync(scratch, { recursive: true });
        return scratch;
      },
    };
  }

  async close(): Promise<void> {
    await this.registry.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
