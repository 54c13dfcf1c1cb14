import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeUtf8 } from "@cpm/base";
import { annotationKeys, emptyDescriptor, formatManifest, mediaTypes, referrersTag } from "@cpm/oci";
import type { Descriptor, OciManifest, Store } from "@cpm/oci";
import { openRegistry, serveRegistry } from "@cpm/registry";
import { packageArtifact } from "@cpm/registry/testing";
import type { RegistryClientLimits, SearchFilters } from "@cpm/registry-client";
import { MemoryStore, copyGraph, digestOf } from "@cpm/store";
import { describeStore, put } from "@cpm/store/testing";
import { clientOf, codeOf } from "./testing.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-registry-"));
const registry = await serveRegistry({
  access: "open",
  dataDirectory: join(scratch, "full"),
  hostname: "127.0.0.1",
  port: 0,
});
const plain = await servePlainRegistry(join(scratch, "plain"));
afterAll(async () => {
  await registry.stop();
  await plain.stop();
  rmSync(scratch, { recursive: true, force: true });
});
let count = 0;

describeRepository("a repository of our registry", registry.host);
describeRepository("a repository that is pushed and fetched in pieces", registry.host, {
  chunkBytes: 400_000,
  parallelFromBytes: 1_000_000,
  partBytes: 300_000,
  fastBytesPerSecond: Number.POSITIVE_INFINITY,
});
describeRepository("a repository of a registry without referrers, index and tag parameters", plain.host);

describe("our registry", () => {
  test("is alive, takes what it is asked, and has nothing yet", async () => {
    expect((await fetch(`${registry.endpoint}/readyz`)).status).toBe(200);
    const client = clientOf(registry.host);
    await client.ping();
    expect(client.registry).toBe(registry.host);
    expect(await client.searchPackages("")).toEqual({ total: 0, results: [] });
    expect(await codeOf(client.packageInfo("test/none"))).toBe("registry/not-found");
  });

  test("answers searches and versions of what was copied into it", async () => {
    const [client, local] = [clientOf(registry.host), new MemoryStore()];
    for (const version of ["1.0.0", "1.1.0+build.2"]) {
      const root = await packageIn(local, { name: "rise/wordcount", version, readme: "# Words", keywords: ["text"] });
      await copyGraph(local, client.repository("rise/wordcount"), root, { tags: [version.replace("+", "_")] });
    }
    const page = await client.searchPackages("wordc", { limit: 5, offset: 0 });
    expect(page).toMatchObject({
      total: 1,
      results: [{ name: "rise/wordcount", version: "1.1.0+build.2", description: "A package.", keywords: ["text"] }],
    });
    expect(page.results[0]?.downloads).toEqual({ total: 0, last90Days: 0 });
    const narrowed = async (filters: SearchFilters) => (await client.searchPackages("", { filters })).total;
    expect(await narrowed({ keyword: ["text"], owner: ["rise"], platform: ["linux/amd64"] })).toBe(1);
    expect(await narrowed({ keyword: ["text", "other"] })).toBe(0);
    expect(await codeOf(narrowed({ platform: ["linux"] }))).toBe("registry/refused");
    const info = await client.packageInfo("rise/wordcount");
    expect(info.readme).toBe("# Words");
    expect(info.versions.map((entry) => [entry.version, entry.description])).toEqual([
      ["1.1.0+build.2", "A package."],
      ["1.0.0", "A package."],
    ]);
    expect(info.versions[0]?.digest).toBe((await client.repository("rise/wordcount").resolve("1.1.0_build.2"))?.digest);
  });

  test("refuses other bytes for a version with a conflict that names both", async () => {
    const [client, local] = [clientOf(registry.host), new MemoryStore()];
    const copies: Descriptor[] = [];
    const repository = client.repository("rise/immutable");
    for (const readme of ["one", "two"])
      copies.push(await packageIn(local, { name: "rise/immutable", version: "1.0.0", readme }));
    const [one, two] = copies;
    if (one === undefined || two === undefined) throw new Error("two were made");
    await copyGraph(local, repository, one, { tags: ["1.0.0"] });
    await copyGraph(local, repository, one, { tags: ["1.0.0"] });
    const refused = copyGraph(local, repository, two, { tags: ["1.0.0"] });
    expect(await codeOf(refused)).toBe("registry/conflict");
    expect(refused).rejects.toThrow(one.digest);
    expect(refused).rejects.toThrow(two.digest);
    expect(await repository.resolve("1.0.0")).toEqual(one);
  });
});

describe("a plain registry", () => {
  test("cannot be searched, and tells the versions by its tags", async () => {
    const client = clientOf(plain.host);
    const repository = client.repository("rise/plain");
    expect(await codeOf(client.searchPackages("x"))).toBe("registry/no-index");
    expect(await codeOf(client.packageInfo("rise/plain"))).toBe("registry/not-found");
    expect(await codeOf(client.yankVersion("rise/plain", "1.0.0", "Slow."))).toBe("registry/no-index");
    expect(await codeOf(client.deprecatePackage("rise/plain", undefined, undefined))).toBe("registry/no-index");
    const annotations = { [annotationKeys.description]: "The newest." };
    for (const tag of ["1.0.0", "1.10.0_build", "1.9.0", "latest"])
      await manifestIn(repository, { annotations }, [tag]);
    const info = await client.packageInfo("rise/plain");
    expect(info.versions.map((entry) => [entry.version, entry.description])).toEqual([
      ["1.10.0+build", "The newest."],
      ["1.9.0", undefined],
      ["1.0.0", undefined],
    ]);
  });

  test("keeps referrers under the fallback tag, also of two writers", async () => {
    const repository = clientOf(plain.host).repository("rise/referred");
    const subject = await manifestIn(repository, {}, ["1.0.0"]);
    const [first, second] = await Promise.all(
      ["ada", "bob"].map((by) =>
        manifestIn(clientOf(plain.host).repository("rise/referred"), { subject, annotations: { by } }, []),
      ),
    );
    const listed = await repository.referrers(subject.digest);
    expect(new Set(listed.map((entry) => entry.digest))).toEqual(new Set([first?.digest, second?.digest]) as never);
    expect(await repository.tags()).toEqual(["1.0.0", referrersTag(subject.digest)]);
  });
});

function describeRepository(name: string, host: string, limits: Partial<RegistryClientLimits> = {}): void {
  describeStore(name, async () => {
    const path = `test/repository-${count++}`;
    const client = clientOf(host, { limits });
    return {
      store: client.repository(path),
      again: async () => clientOf(host).repository(path),
      dispose: async () => {},
    };
  });
}

/** Our registry without what only newer ones have. */
async function servePlainRegistry(dataDirectory: string) {
  const inner = await openRegistry({ dataDirectory, access: "open" });
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    async fetch(request) {
      const url = new URL(request.url);
      if (/\/referrers\//.test(url.pathname) || url.pathname.startsWith("/api/"))
        return new Response("404 page not found\n", { status: 404, headers: { "content-type": "text/plain" } });
      url.searchParams.delete("tag");
      const response = await inner.fetch(new Request(url, request));
      for (const header of ["oci-subject", "oci-tag", "oci-filters-applied"]) response.headers.delete(header);
      return response;
    },
  });
  return {
    host: `127.0.0.1:${server.port}`,
    async stop() {
      await server.stop(true);
      await inner.close();
    },
  };
}

async function packageIn(store: Store, files: Parameters<typeof packageArtifact>[0]): Promise<Descriptor> {
  const { manifest, blobs } = await packageArtifact(files);
  for (const bytes of blobs.values()) await put(store, bytes);
  return putDocument(store, manifest, []);
}

async function manifestIn(store: Store, fields: Partial<OciManifest>, tags: readonly string[]): Promise<Descriptor> {
  const { data: _, ...config } = emptyDescriptor;
  await put(store, encodeUtf8("{}"));
  return putDocument(store, { kind: "manifest", mediaType: mediaTypes.manifest, config, layers: [], ...fields }, tags);
}

async function putDocument(store: Store, manifest: OciManifest, tags: readonly string[]): Promise<Descriptor> {
  const bytes = formatManifest(manifest);
  const descriptor = { mediaType: manifest.mediaType, digest: digestOf(bytes), sizeBytes: bytes.length };
  await store.putManifest(descriptor, bytes, tags);
  return descriptor;
}
