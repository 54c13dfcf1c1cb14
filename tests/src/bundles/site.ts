import { join } from "node:path";
import type { Digest } from "@cpm/base";
import { encodeUtf8, parseDigest } from "@cpm/base";
import type { Lockfile, PackageName } from "@cpm/model";
import { emptyDescriptor, formatManifest, mediaTypes } from "@cpm/oci";
import type { Descriptor, Store } from "@cpm/oci";
import { bundleAccess, createBundle, lockProject, openBundles, readProject, writeProjectLock } from "@cpm/operations";
import type { BundleRequest, BundleSet, CreatedBundle, PackageAccess, World } from "@cpm/operations";
import { digestOf } from "@cpm/store";
import { Universe } from "../resolution/universe.ts";
import type { PackageSketch } from "../resolution/universe.ts";

export const world: World = { cpmVersion: "0.1.0", platform: "linux/amd64" };

/** A signature's artifact type, as sigstore's tools attach it. */
export const signatureType = "application/vnd.dev.sigstore.bundle.v0.3+json";

/** A registry with packages and signatures, and a folder for the bundles made from them. Must be closed. */
export class Site {
  readonly universe: Universe;
  #count = 0;

  private constructor(universe: Universe) {
    this.universe = universe;
  }

  static async open(): Promise<Site> {
    return new Site(await Universe.open());
  }

  /** The package that is bundled in most tests: one of several platforms, one of all, signed. */
  async publishPipeline(): Promise<Lockfile> {
    const tools = await this.universe.publish("rise/tools", "1.0.0", {
      files: { "payload/tool.sh": "#!/bin/sh\necho tool\n", "bin/linux-amd64/t": "amd", "bin/linux-arm64/t": "arm" },
    });
    const pipe = await this.universe.publish("rise/pipe", "2.0.0", {
      dependencies: { "rise/tools": "^1" },
      files: { "payload/pipe.txt": "pipe" },
    });
    await this.sign("rise/tools", tools);
    await this.sign("rise/pipe", pipe);
    return this.lock({ "rise/pipe": "^2" });
  }

  async sign(name: string, subject: string, text = "signed", artifactType = signatureType): Promise<Digest> {
    return attach(this.universe.client().repository(name), parseDigest(subject), text, artifactType);
  }

  /** Locks a project that needs these, and answers the lockfile; the project keeps it too. */
  async lock(dependencies: PackageSketch["dependencies"], access?: PackageAccess): Promise<Lockfile> {
    const root = this.universe.sketch("me/app", "0.1.0", dependencies === undefined ? {} : { dependencies });
    const { lock } = await lockProject({ project: readProject(root) }, access ?? this.fresh(), world);
    writeProjectLock(root, lock);
    return lock;
  }

  /** A user with an empty cache. */
  fresh(): PackageAccess {
    return this.universe.access({ cache: crypto.randomUUID() });
  }

  path(name = "app.bundle"): string {
    return join(this.universe.folder, `${++this.#count}-${name}`);
  }

  async create(lock: Lockfile, request: Partial<BundleRequest> = {}): Promise<CreatedBundle> {
    return createBundle({ lock, path: this.path(), ...request }, this.fresh());
  }

  async close(): Promise<void> {
    await this.universe.close();
  }
}

/** What somebody on a site without a network has. */
export function offlineAccess(set: BundleSet, folder: string, registry?: string): PackageAccess {
  return bundleAccess(set, registry, {
    clock: { now: () => Date.now(), sleep: async () => {} },
    scratch: () => folder,
  });
}

export async function open(...paths: readonly string[]): Promise<BundleSet> {
  return openBundles(paths);
}

/** Attaches a statement to a manifest. */
export async function attach(store: Store, subject: Digest, text: string, artifactType: string): Promise<Digest> {
  const found = await store.stat(subject);
  if (found === undefined) throw new Error(`${subject} is not there`);
  const bytes = encodeUtf8(text);
  const layer: Descriptor = { mediaType: artifactType, digest: digestOf(bytes), sizeBytes: bytes.length };
  for (const [content, data] of [
    [layer, bytes],
    [emptyDescriptor, encodeUtf8("{}")],
  ] as const) {
    const ingest = await store.ingest(content);
    await ingest?.write(data);
    await ingest?.commit();
  }
  const manifest = formatManifest({
    kind: "manifest",
    mediaType: mediaTypes.manifest,
    artifactType,
    config: emptyDescriptor,
    layers: [layer],
    subject: { mediaType: mediaTypes.manifest, digest: subject, sizeBytes: found.sizeBytes },
  });
  const digest = digestOf(manifest);
  await store.putManifest({ mediaType: mediaTypes.manifest, digest, sizeBytes: manifest.length }, manifest);
  return digest;
}

export function named(name: string): PackageName {
  return name as PackageName;
}
