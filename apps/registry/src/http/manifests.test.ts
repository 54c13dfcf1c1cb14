import { afterAll, describe, expect, test } from "bun:test";
import { encodeUtf8 } from "@cpm/base";
import type { Digest } from "@cpm/base";
import { emptyDescriptor, formatManifest, mediaTypes, parseManifestBytes } from "@cpm/oci";
import type { Descriptor, OciIndex } from "@cpm/oci";
import { digestOf } from "@cpm/store";
import { codesOf, emptyConfigBytes, imageOf, indexOf, openRegistryUnderTest } from "../testing/index.ts";

const registry = await openRegistryUnderTest();
afterAll(() => registry.dispose());
const { call, pushBlob, pushManifest } = registry;

let count = 0;
const fresh = (): string => `test/m${count++}`;
async function withConfig(): Promise<string> {
  const repository = fresh();
  await pushBlob(repository, emptyConfigBytes);
  return repository;
}

describe("a manifest", () => {
  test.each(["sha256", "sha512"] as const)("is pushed and read by its %s digest, byte for byte", async (algorithm) => {
    const repository = await withConfig();
    const body = encodeUtf8(`${new TextDecoder().decode(formatManifest(imageOf()))}\n  `);
    const digest = digestOf(body, algorithm);
    const response = await call("PUT", `/v2/${repository}/manifests/${digest}`, { body });
    expect(response.status).toBe(201);
    expect(response.headers.get("location")).toBe(`/v2/${repository}/manifests/${digest}`);
    expect(response.headers.get("docker-content-digest")).toBe(digest);
    for (const method of ["GET", "HEAD"]) {
      const read = await call(method, `/v2/${repository}/manifests/${encodeURIComponent(digest)}`);
      expect(read.status).toBe(200);
      expect(read.headers.get("content-type")).toBe(mediaTypes.manifest);
      expect(read.headers.get("content-length")).toBe(String(body.length));
      expect(read.headers.get("docker-content-digest")).toBe(digest);
      if (method === "GET") expect(new Uint8Array(await read.arrayBuffer())).toEqual(body);
    }
  });

  test("that was read is gone for everybody once it is deleted, and was never another repository's", async () => {
    const [first, second, third] = [await withConfig(), await withConfig(), await withConfig()];
    const { descriptor } = await pushManifest(first, imageOf(), "x");
    await pushManifest(second, imageOf(), "x");
    const read = async (repository: string, reference: string) =>
      (await call("GET", `/v2/${repository}/manifests/${reference}`)).status;
    for (const repository of [first, second]) expect(await read(repository, "x")).toBe(200);
    expect(await read(third, descriptor.digest)).toBe(404);
    await call("DELETE", `/v2/${first}/manifests/${descriptor.digest}`);
    expect([await read(first, "x"), await read(first, descriptor.digest)]).toEqual([404, 404]);
    expect([await read(second, "x"), await read(second, descriptor.digest)]).toEqual([200, 200]);
  });

  test("of the docker types keeps its type, whatever is accepted", async () => {
    const repository = await withConfig();
    const { descriptor } = await pushManifest(repository, imageOf({ mediaType: mediaTypes.dockerManifest }), "x");
    const read = await call("GET", `/v2/${repository}/manifests/x`, { headers: { accept: "text/plain" } });
    expect(read.headers.get("content-type")).toBe(mediaTypes.dockerManifest);
    expect(read.headers.get("docker-content-digest")).toBe(descriptor.digest);
    const again = await call("GET", `/v2/${repository}/manifests/x`, {
      headers: { "if-none-match": `"${descriptor.digest}"` },
    });
    expect(again.status).toBe(304);
  });

  test("with unknown fields and types is taken as it is", async () => {
    const repository = await withConfig();
    const layer = await pushBlob(repository, encodeUtf8("layer"));
    const document = JSON.parse(
      new TextDecoder().decode(formatManifest(imageOf({ layers: [{ ...layer, mediaType: "x/y" }] }))),
    );
    const body = JSON.stringify({ ...document, "com.example": { deep: [1, 2.5, null] } });
    expect((await call("PUT", `/v2/${repository}/manifests/x`, { body })).status).toBe(201);
    expect(await (await call("GET", `/v2/${repository}/manifests/x`)).text()).toBe(body);
  });

  test.each([
    ["no JSON", "nonsense"],
    ["nothing", ""],
    ["another schema", '{"schemaVersion":1}'],
    ["both an index and an image", `{"schemaVersion":2,"mediaType":"${mediaTypes.index}","manifests":[],"layers":[]}`],
    ["a foreign type", '{"schemaVersion":2,"mediaType":"text/plain","manifests":[]}'],
    [
      "an upper-case digest",
      `{"schemaVersion":2,"mediaType":"${mediaTypes.index}","manifests":[{"mediaType":"${mediaTypes.manifest}","size":1,"digest":"sha256:${"A".repeat(64)}"}]}`,
    ],
    [
      "a sha256 that is called sha512",
      `{"schemaVersion":2,"mediaType":"${mediaTypes.index}","manifests":[{"mediaType":"${mediaTypes.manifest}","size":1,"digest":"sha512:${"a".repeat(64)}"}]}`,
    ],
  ])("that is %s is refused", async (_, body) => {
    const repository = await withConfig();
    const response = await call("PUT", `/v2/${repository}/manifests/x`, { body });
    expect(response.status).toBe(400);
    expect((await codesOf(response)).oci).toBe("MANIFEST_INVALID");
    expect((await call("GET", `/v2/${repository}/manifests/x`)).status).toBe(404);
  });

  test("called an index where it is none is refused", async () => {
    const repository = await withConfig();
    const headers = { "content-type": mediaTypes.index };
    const response = await call("PUT", `/v2/${repository}/manifests/x`, { headers, body: formatManifest(imageOf()) });
    expect(response.status).toBe(400);
  });

  test("of other bytes than its digest says is refused with both", async () => {
    const repository = await withConfig();
    const wrong = digestOf(encodeUtf8("other"));
    const body = formatManifest(imageOf());
    const response = await call("PUT", `/v2/${repository}/manifests/${wrong}`, { body });
    expect(response.status).toBe(400);
    const text = await response.text();
    for (const digest of [wrong, digestOf(body)]) expect(text).toContain(digest);
    expect(text).toContain("DIGEST_INVALID");
  });

  test.each(["sha256:baddigeststring", `sha256:${"A".repeat(64)}`, "-x", ".x", "a b", "x".repeat(129)])(
    "named %p is a bad request to push and nothing to find",
    async (reference) => {
      const repository = await withConfig();
      const path = `/v2/${repository}/manifests/${encodeURIComponent(reference)}`;
      expect((await call("PUT", path, { body: formatManifest(imageOf()) })).status).toBe(400);
      for (const method of ["GET", "HEAD", "DELETE"]) expect((await call(method, path)).status).toBe(404);
    },
  );

  test("whose content is missing is refused and names it", async () => {
    const repository = fresh();
    const layer: Descriptor = { mediaType: "x/y", digest: digestOf(encodeUtf8("absent")), sizeBytes: 6 };
    const { response } = await pushManifest(repository, imageOf({ layers: [layer] }), "x");
    expect(response.status).toBe(404);
    const body = await response.text();
    expect(body).toContain("MANIFEST_BLOB_UNKNOWN");
    for (const digest of [layer.digest, emptyDescriptor.digest]) expect(body).toContain(digest);
    expect((await call("GET", `/v2/${repository}/tags/list`)).status).toBe(404);
    const index = await pushManifest(repository, indexOf([{ ...layer, mediaType: mediaTypes.manifest }]), "x");
    expect(index.response.status).toBe(404);
  });

  test("may leave out layers that are kept elsewhere", async () => {
    const repository = await withConfig();
    const away = { digest: digestOf(encodeUtf8("absent")), sizeBytes: 6 };
    const layers = [
      { ...away, mediaType: "x/y", urls: ["https://example.com/layer"] },
      { ...away, mediaType: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip" },
      { ...away, mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip" },
    ];
    expect((await pushManifest(repository, imageOf({ layers }), "x")).response.status).toBe(201);
    const config = { ...away, mediaType: "x/y", urls: ["https://example.com/config"] };
    expect((await pushManifest(repository, imageOf({ config }), "y")).response.status).toBe(404);
  });

  test("of just under 4 MiB is taken, larger ones are 413", async () => {
    const repository = await withConfig();
    const limit = 4 * 1024 * 1024;
    const padded = (size: number) => {
      const bare = formatManifest(imageOf({ annotations: { pad: "" } })).length;
      return formatManifest(imageOf({ annotations: { pad: "x".repeat(size - bare) } }));
    };
    expect((await call("PUT", `/v2/${repository}/manifests/x`, { body: padded(limit) })).status).toBe(201);
    const refused = await call("PUT", `/v2/${repository}/manifests/y`, { body: padded(limit + 1) });
    expect(refused.status).toBe(413);
    expect((await codesOf(refused)).oci).toBe("SIZE_INVALID");
  });

  test("is an index of what is here, nested or empty", async () => {
    const repository = await withConfig();
    const { descriptor } = await pushManifest(repository, imageOf());
    const inner = await pushManifest(repository, indexOf([descriptor]));
    const outer = await pushManifest(repository, indexOf([inner.descriptor]), "nested");
    expect(outer.response.status).toBe(201);
    expect((await pushManifest(repository, indexOf([]), "empty")).response.status).toBe(201);
    const refused = await call("DELETE", `/v2/${repository}/manifests/${descriptor.digest}`);
    expect(refused.status).toBe(405);
    for (const digest of [outer.descriptor.digest, inner.descriptor.digest, descriptor.digest])
      expect((await call("DELETE", `/v2/${repository}/manifests/${digest}`)).status).toBe(202);
  });
});

describe("tags", () => {
  test("are pushed beside a digest in one step and echoed", async () => {
    const repository = await withConfig();
    const body = formatManifest(imageOf());
    const names = Array.from({ length: 12 }, (_, index) => `t${index}`);
    const query = names.map((name) => `tag=${name}`).join("&");
    const response = await call("PUT", `/v2/${repository}/manifests/${digestOf(body)}?${query}`, { body });
    expect(response.status).toBe(201);
    expect(response.headers.get("oci-tag")?.split(", ")).toEqual(names);
    expect(await tagsOf(repository)).toEqual(names.toSorted());
    const many = Array.from({ length: 101 }, (_, index) => `tag=u${index}`).join("&");
    expect((await call("PUT", `/v2/${repository}/manifests/${digestOf(body)}?${many}`, { body })).status).toBe(414);
    expect((await call("PUT", `/v2/${repository}/manifests/${digestOf(body)}?tag=-x`, { body })).status).toBe(400);
  });

  test("are paged in byte order", async () => {
    const repository = await withConfig();
    const names = ["b", "A", "a", "1.10.0", "1.9.0", "_", "Z", "z.z"];
    await pushManifest(repository, imageOf(), ...names);
    const sorted = names.toSorted();
    expect(await tagsOf(repository)).toEqual(sorted);
    for (const size of [1, 2, 3, 7, 8, 10_000]) expect(await pagedTags(repository, size)).toEqual(sorted);
    expect(await tagsOf(repository, "?last=Z")).toEqual(["_", "a", "b", "z.z"]);
    expect(await tagsOf(repository, "?last=zzz")).toEqual([]);
    const none = await call("GET", `/v2/${repository}/tags/list?n=0`);
    expect(await none.json()).toEqual({ name: repository, tags: [] });
    expect(none.headers.get("link")).toBeNull();
    const huge = await call("GET", `/v2/${repository}/tags/list?n=${"9".repeat(30)}`);
    expect(huge.status).toBe(200);
    expect((await call("GET", `/v2/${repository}/tags/list?n=-1`)).status).toBe(400);
  });

  test("of a repository that is none are not found", async () => {
    const response = await call("GET", "/v2/test/never/tags/list");
    expect(response.status).toBe(404);
    expect((await codesOf(response)).oci).toBe("NAME_UNKNOWN");
  });

  test("move, and are deleted by themselves or with their manifest", async () => {
    const repository = await withConfig();
    const one = await pushManifest(repository, imageOf({ annotations: { v: "1" } }), "a", "b", "1.0.0");
    const two = await pushManifest(repository, imageOf({ annotations: { v: "2" } }), "b");
    expect((await call("HEAD", `/v2/${repository}/manifests/b`)).headers.get("docker-content-digest")).toBe(
      two.descriptor.digest,
    );
    expect((await call("DELETE", `/v2/${repository}/manifests/b`)).status).toBe(202);
    expect((await call("DELETE", `/v2/${repository}/manifests/b`)).status).toBe(404);
    expect((await call("HEAD", `/v2/${repository}/manifests/${two.descriptor.digest}`)).status).toBe(200);
    expect((await call("DELETE", `/v2/${repository}/manifests/${one.descriptor.digest}`)).status).toBe(202);
    expect(await tagsOf(repository)).toEqual([]);
    for (const reference of ["a", "1.0.0", one.descriptor.digest])
      expect((await call("GET", `/v2/${repository}/manifests/${reference}`)).status).toBe(404);
  });
});

describe("referrers", () => {
  test("are an empty index for what is not here", async () => {
    const digest = digestOf(encodeUtf8("nobody"));
    for (const repository of ["test/never", await withConfig()]) {
      const response = await call("GET", `/v2/${repository}/referrers/${digest}`);
      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toBe(mediaTypes.index);
      expect((await readIndex(response)).manifests).toEqual([]);
    }
    expect((await call("GET", "/v2/test/never/referrers/sha256:short")).status).toBe(400);
  });

  test("are listed with type and annotations, filtered, also before their subject", async () => {
    const repository = await withConfig();
    const subject = describeManifest(imageOf({ annotations: { it: "is the subject" } }));
    const signature = imageOf({ subject, artifactType: "x/signature", annotations: { by: "ada" } });
    const first = await pushManifest(repository, signature);
    expect(first.response.headers.get("oci-subject")).toBe(subject.digest);
    const { artifactType: _, ...untyped } = imageOf({ subject });
    const second = await pushManifest(repository, untyped);
    const third = await pushManifest(repository, indexOf([], { subject }), "index");
    expect(third.response.headers.get("oci-subject")).toBe(subject.digest);
    const all = await call("GET", `/v2/${repository}/referrers/${subject.digest}`);
    expect(all.headers.get("oci-filters-applied")).toBeNull();
    const listed = (await readIndex(all)).manifests;
    expect(listed).toHaveLength(3);
    const found = new Map(listed.map((entry) => [entry.digest, entry]));
    expect(found.get(first.descriptor.digest)).toMatchObject({
      artifactType: "x/signature",
      annotations: { by: "ada" },
    });
    expect(found.get(second.descriptor.digest)?.artifactType).toBe(untyped.config.mediaType);
    expect(found.get(third.descriptor.digest)?.artifactType).toBeUndefined();
    expect(await filtered(repository, subject.digest, "x/signature")).toEqual([first.descriptor.digest]);
    expect(await filtered(repository, subject.digest, "x/other")).toEqual([]);
    expect(await filtered(repository, subject.digest, "")).toEqual([third.descriptor.digest]);
  });

  test("of which there are many come in pages", async () => {
    const repository = await withConfig();
    const subject = describeManifest(imageOf({ annotations: { much: "referred to" } }));
    const pad = "x".repeat(1_500_000);
    const pushed = await Promise.all(
      ["a", "b", "c", "d", "e"].map(async (name) => {
        const artifactType = name === "e" ? "x/e" : "x/rest";
        return (await pushManifest(repository, imageOf({ subject, artifactType, annotations: { name, pad } })))
          .descriptor.digest;
      }),
    );
    const seen: Digest[] = [];
    let path = `/v2/${repository}/referrers/${subject.digest}`;
    let pages = 0;
    for (; path !== "" && pages < 10; pages++) {
      const response = await call("GET", path);
      seen.push(...(await readIndex(response)).manifests.map((entry) => entry.digest));
      path = /<([^>]+)>; rel="next"/.exec(response.headers.get("link") ?? "")?.[1] ?? "";
    }
    expect(pages).toBe(3);
    expect(seen).toEqual(pushed.toSorted());
  });
});

function describeManifest(manifest: ReturnType<typeof imageOf>): Descriptor {
  const bytes = formatManifest(manifest);
  return { mediaType: manifest.mediaType, digest: digestOf(bytes), sizeBytes: bytes.length };
}

async function readIndex(response: Response): Promise<OciIndex> {
  const limits = { maxBytes: 2 ** 24, maxDescriptors: 1000 };
  const index = parseManifestBytes(new Uint8Array(await response.arrayBuffer()), mediaTypes.index, limits);
  if (index.kind !== "index") throw new Error("not an index");
  return index;
}

async function filtered(repository: string, subject: Digest, artifactType: string): Promise<Digest[]> {
  const query = new URLSearchParams({ artifactType });
  const response = await call("GET", `/v2/${repository}/referrers/${subject}?${query}`);
  expect(response.headers.get("oci-filters-applied")).toBe("artifactType");
  return (await readIndex(response)).manifests.map((entry) => entry.digest);
}

async function tagsOf(repository: string, query = ""): Promise<string[]> {
  const body = await (await call("GET", `/v2/${repository}/tags/list${query}`)).json();
  expect(body.name).toBe(repository);
  return body.tags;
}

async function pagedTags(repository: string, size: number): Promise<string[]> {
  const found: string[] = [];
  let path = `/v2/${repository}/tags/list?n=${size}`;
  for (let page = 0; path !== "" && page < 100; page++) {
    const response = await call("GET", path);
    const { tags } = await response.json();
    expect(tags.length).toBeLessThanOrEqual(size);
    found.push(...tags);
    path = /<([^>]+)>; rel="next"/.exec(response.headers.get("link") ?? "")?.[1] ?? "";
  }
  return found;
}
