import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packPackage, readPackageDirectory, writeScaffold } from "@cpm/operations";
import { parsePackageName } from "@cpm/model";
import { createRegistryClient } from "@cpm/registry-client";
import type { RegistryClient } from "@cpm/registry-client";
import { serveRegistry } from "@cpm/registry";
import type { RunningRegistry } from "@cpm/registry";
import { copyGraph } from "@cpm/store";

let folder: string;
let registry: RunningRegistry;
const requests: string[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "cpm-versions-"));
  registry = await serveRegistry({
    dataDirectory: join(folder, "data"),
    hostname: "127.0.0.1",
    port: 0,
    access: "open",
  });
  const root = join(folder, "package");
  writeScaffold(root, parsePackageName("rise/hello"), "function");
  const manifest = join(root, "colony.yaml");
  const text = await Bun.file(manifest).text();
  const needs = "dependencies:\n  rise/base: ^1.2.0\n  rise/tools: {version: '>=2 <3', alias: tools}\n";
  for (const version of ["0.1.0", "1.0.0-rc.1", "1.0.0"]) {
    await Bun.write(
      manifest,
      text.replace("version: 0.1.0", `version: ${version}`) + (version === "1.0.0" ? needs : ""),
    );
    const layout = join(folder, `layout-${version}`);
    const { store, root: top } = await packPackage(readPackageDirectory(root).directory, layout);
    await copyGraph(store, client().repository("rise/hello"), top, { tags: [version] });
  }
});

afterAll(async () => {
  await registry.stop();
  rmSync(folder, { recursive: true, force: true });
});

function client(options: { readonly index?: boolean; readonly listBytes?: number } = {}): RegistryClient {
  return createRegistryClient({
    registry: registry.host,
    credentials: { get: async () => undefined },
    userAgent: "test",
    ...(options.listBytes === undefined ? {} : { limits: { listBytes: options.listBytes } }),
    fetch: async (url, init) => {
      requests.push(new URL(url).pathname);
      // A plain OCI registry has no page like this.
      if (options.index === false && url.includes("/api/")) return new Response("404 page not found", { status: 404 });
      return fetch(url, init);
    },
  });
}

test("one request tells all that a resolver needs, and none is answered again while nothing changes", async () => {
  requests.length = 0;
  const listing = await client().packageVersions("rise/hello");
  if (listing === undefined || listing === "unchanged") throw new Error("the package is there");
  expect(requests).toEqual(["/api/v1/packages/rise/hello/resolution"]);
  expect(listing.versions.map(({ version }) => version.text).toSorted()).toEqual(["0.1.0", "1.0.0", "1.0.0-rc.1"]);
  const newest = listing.versions.find(({ version }) => version.text === "1.0.0");
  expect(newest?.dependencies.map(({ name, range }) => [name, range.text])).toEqual([
    ["rise/base", "^1.2.0"],
    ["rise/tools", ">=2 <3"],
  ]);
  expect(newest?.requires).toEqual({ executors: [{ type: "local-executor" }] });
  expect(newest?.publishedAtMs).toBeGreaterThan(Date.now() - 60_000);
  expect(await client().packageVersions("rise/hello", { etag: listing.etag })).toBe("unchanged");
  expect(await client().packageVersions("rise/hello", { etag: '"another"' })).toMatchObject({ etag: listing.etag });
});

test("a plain OCI registry tells the same by its tags and configs, but for the times", async () => {
  const [indexed, plain] = await Promise.all([
    client().packageVersions("rise/hello"),
    client({ index: false }).packageVersions("rise/hello"),
  ]);
  if (typeof indexed !== "object" || typeof plain !== "object") throw new Error("the package is there");
  const facts = (listing: typeof indexed) =>
    listing.versions
      .map(({ version, digest, dependencies, requires }) => ({
        version: version.text,
        digest,
        dependencies: dependencies.map(({ name, range }) => [name, range.text]),
        requires,
      }))
      .toSorted((left, right) => (left.version < right.version ? -1 : 1));
  expect(facts(plain)).toEqual(facts(indexed));
  expect(plain.etag).toBeUndefined();
  expect(plain.versions.every((entry) => entry.publishedAtMs === undefined)).toBe(true);
});

test("a package that does not exist is absent, with an index and without", async () => {
  expect(await client().packageVersions("rise/nothing")).toBeUndefined();
  expect(await client({ index: false }).packageVersions("rise/nothing")).toBeUndefined();
});

test("a manifest comes with its bytes, by tag and by digest, and what the index says of a package as it is", async () => {
  const byTag = await client().manifest("rise/hello", "1.0.0");
  const digest = byTag?.descriptor.digest ?? "";
  expect(await client().manifest("rise/hello", digest)).toEqual(byTag);
  expect(byTag?.bytes.length).toBe(byTag?.descriptor.sizeBytes);
  expect(await client().manifest("rise/hello", "9.9.9")).toBeUndefined();
  const found = await client().packageDocument("rise/hello", "resolution");
  if (typeof found !== "object") throw new Error("the package is there");
  expect(found.document["name"]).toBe("rise/hello");
  expect(await client().packageDocument("rise/hello", "resolution", { etag: found.etag })).toBe("unchanged");
  expect(await client({ index: false }).packageDocument("rise/hello", "detail")).toBeUndefined();
});

test("a list is followed within its limit only", async () => {
  const limited = client({ listBytes: 10 }).repository("rise/hello");
  expect(await limited.tags().catch(({ code }: { code: string }) => code)).toBe("registry/too-large");
});
