import type { Digest } from "@cpm/base";
import { formatManifest } from "@cpm/oci";
import { packageArtifact } from "@cpm/registry/testing";
import type { PackageArtifact } from "@cpm/registry/testing";
import { digestOf } from "@cpm/store";

/** The payload of a package, as whoever made it says that it is. */
export interface CraftedLayer {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What it declares to be, unpacked. */
  readonly contentBytes: number;
  readonly entries: number;
}

/** A registry that looks into nothing, as most do not, and has whatever it was given. Must be stopped. */
export class CraftedRegistry {
  readonly host: string;
  readonly #server: Bun.Server<undefined>;
  readonly #artifacts = new Map<string, PackageArtifact>();

  constructor() {
    const fetch = (request: Request): Response => this.#answer(request);
    this.#server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch });
    this.host = `127.0.0.1:${this.#server.port}`;
  }

  /** Version 1.0.0 of a package that is well made, but for its payload where there is one. */
  async add(name: string, layer?: CraftedLayer): Promise<void> {
    const honest = await packageArtifact({
      name,
      version: "1.0.0",
      payload: { "payload/x": "x" },
      config: (config) => {
        if (layer === undefined) return config;
        const { contentBytes: sizeBytes, entries } = layer;
        return {
          ...config,
          layers: config.layers.map((each, at) => (at === 0 ? each : { ...each, sizeBytes, entries })),
        };
      },
    });
    this.#artifacts.set(name, layer === undefined ? honest : withPayload(honest, layer.bytes));
  }

  async stop(): Promise<void> {
    await this.#server.stop(true);
  }

  #answer({ url }: Request): Response {
    const [, name = "", kind, reference = ""] =
      /^\/v2\/(.+)\/(manifests|blobs)\/(.+)$/.exec(new URL(url).pathname) ?? [];
    const artifact = this.#artifacts.get(name);
    if (artifact === undefined) return new Response(null, { status: 404 });
    const manifest = formatManifest(artifact.manifest);
    if (kind === "blobs") return contentOf(artifact.blobs.get(reference as Digest));
    const known = reference === "1.0.0" || reference === digestOf(manifest);
    return contentOf(known ? manifest : undefined, artifact.manifest.mediaType);
  }
}

function withPayload({ manifest, blobs }: PackageArtifact, bytes: Uint8Array<ArrayBuffer>): PackageArtifact {
  const digest = digestOf(bytes);
  const layers = manifest.layers.map((each, at) => (at === 0 ? each : { ...each, digest, sizeBytes: bytes.length }));
  return { manifest: { ...manifest, layers }, blobs: new Map([...blobs, [digest, bytes]]) };
}

function contentOf(bytes: Uint8Array<ArrayBuffer> | undefined, type = "application/octet-stream"): Response {
  if (bytes === undefined) return new Response(null, { status: 404 });
  return new Response(bytes, { headers: { "content-type": type, "docker-content-digest": digestOf(bytes) } });
}
