import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DigestAlgorithm } from "@cpm/base";
import { encodeUtf8 } from "@cpm/base";
import type { Descriptor, OciIndex, OciManifest } from "@cpm/oci";
import { emptyDescriptor, formatManifest, mediaTypes } from "@cpm/oci";
import { digestOf } from "@cpm/store";
import { openRegistry } from "../registry.ts";
import type { LogEntry, RegistryOptions } from "../registry-options.ts";
import { assertDescribed } from "./api-answers.ts";

export interface CallOptions {
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array<ArrayBuffer> | string | ReadableStream<Uint8Array>;
}

/** A registry without a port, in a directory of its own where none is given. */
export interface RegistryUnderTest {
  readonly dataDirectory: string;
  readonly log: readonly LogEntry[];
  readonly call: (method: string, path: string, options?: CallOptions) => Promise<Response>;
  readonly pushBlob: (
    repository: string,
    bytes: Uint8Array<ArrayBuffer>,
    algorithm?: DigestAlgorithm,
  ) => Promise<Descriptor>;
  /** Under each reference given, or by its digest; the answer is the last one's. */
  readonly pushManifest: (
    repository: string,
    manifest: OciManifest | OciIndex,
    ...references: readonly string[]
  ) => Promise<{ readonly response: Response; readonly descriptor: Descriptor }>;
  readonly runJob: (name: string) => Promise<void>;
  readonly drain: () => void;
  /** Ends it and leaves its directory for another. */
  readonly close: () => Promise<void>;
  readonly dispose: () => Promise<void>;
}

export async function openRegistryUnderTest(options: Partial<RegistryOptions> = {}): Promise<RegistryUnderTest> {
  const dataDirectory = options.dataDirectory ?? mkdtempSync(join(tmpdir(), "cpm-registry-"));
  const log: LogEntry[] = [];
  const registry = await openRegistry({
    dataDirectory,
    access: "open",
    log: (entry) => log.push(entry),
    ...options,
  });
  const call: RegistryUnderTest["call"] = async (method, path, { headers = {}, body } = {}) => {
    const response = await registry.fetch(
      new Request(`http://registry.test${path}`, { method, headers, ...(body === undefined ? {} : { body }) }),
    );
    await assertDescribed(method, path, response);
    return response;
  };
  return {
    dataDirectory,
    log,
    call,
    async pushBlob(repository, body, algorithm) {
      const digest = digestOf(body, algorithm);
      const response = await call("POST", `/v2/${repository}/blobs/uploads/?digest=${digest}`, { body });
      if (response.status !== 201) throw new Error(`the blob was answered with ${response.status}`);
      return { mediaType: mediaTypes.octetStream, digest, sizeBytes: body.length };
    },
    async pushManifest(repository, manifest, ...references) {
      const body = formatManifest(manifest);
      const descriptor = { mediaType: manifest.mediaType, digest: digestOf(body), sizeBytes: body.length };
      let response = new Response(null, { status: 500 });
      for (const reference of references.length === 0 ? [descriptor.digest] : references) {
        const headers = { "content-type": manifest.mediaType };
        response = await call("PUT", `/v2/${repository}/manifests/${reference}`, { headers, body });
      }
      return { response, descriptor };
    },
    runJob: (name) => registry.runJob(name),
    drain: () => registry.drain(),
    close: () => registry.close(),
    async dispose() {
      await registry.close();
      rmSync(dataDirectory, { recursive: true, force: true });
    },
  };
}

/** A manifest with the empty config, whose blob has to be pushed. */
export function imageOf(fields: Partial<OciManifest> = {}): OciManifest {
  const { data: _, ...config } = emptyDescriptor;
  return {
    kind: "manifest",
    mediaType: mediaTypes.manifest,
    artifactType: "application/x.test",
    config,
    layers: [],
    ...fields,
  };
}

export function indexOf(manifests: readonly Descriptor[], fields: Partial<OciIndex> = {}): OciIndex {
  return { kind: "index", mediaType: mediaTypes.index, manifests, ...fields };
}

export const emptyConfigBytes: Uint8Array<ArrayBuffer> = encodeUtf8("{}");

/** The code of the distribution specification and our own, as an answer carries them. */
export async function codesOf(response: Response): Promise<{ oci: string; own: string | undefined }> {
  const [entry] = (await response.json()).errors;
  return { oci: entry.code, own: entry.detail?.code };
}
