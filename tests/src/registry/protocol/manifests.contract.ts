import { describe, expect, test } from "bun:test";
import { formatManifest, mediaTypes } from "@cpm/oci";
import { imageOf, indexOf } from "@cpm/registry/testing";
import { digestOf } from "@cpm/store";
import { codeIn, digestIn, locationOf } from "./protocol-client.ts";
import type { ProtocolClient } from "./protocol-client.ts";

const absent = (name: string) => digestOf(new TextEncoder().encode(name));

/** "Pushing Manifests", "Pulling manifests" and "Deleting Manifests". */
export function describeManifests(client: () => ProtocolClient): void {
  describe("a manifest", () => {
    test.each(["sha256", "sha512"] as const)("is read as it was pushed, by tag and by %s digest", async (algorithm) => {
      const { repository } = await client().repositoryWithImage();
      const body = formatManifest(imageOf({ annotations: { of: algorithm } }));
      const digest = digestOf(body, algorithm);
      const headers = { "content-type": mediaTypes.manifest };
      const pushed = await client().call("PUT", `/v2/${repository}/manifests/${digest}?tag=x`, { headers, body });
      expect([pushed.status, digestIn(pushed)]).toEqual([201, digest]);
      for (const address of [locationOf(pushed), `/v2/${repository}/manifests/x`])
        for (const method of ["GET", "HEAD"]) {
          const read = await client().call(method, address, { headers: { accept: mediaTypes.manifest } });
          expect([read.status, digestIn(read)]).toEqual([200, digest]);
          expect(read.headers.get("content-type")).toBe(mediaTypes.manifest);
          expect(read.headers.get("content-length")).toBe(String(body.length));
          if (method === "GET") expect(new Uint8Array(await read.arrayBuffer())).toEqual(body);
        }
    });

    test("keeps fields and types that nobody knows, byte by byte", async () => {
      const { repository } = await client().repositoryWithImage();
      const document = JSON.parse(new TextDecoder().decode(formatManifest(imageOf({ artifactType: "x/unknown" }))));
      const body = `${JSON.stringify({ ...document, "com.example": { deep: [1, 2.5, null] } }, null, 3)}\n`;
      const headers = { "content-type": mediaTypes.manifest };
      expect((await client().call("PUT", `/v2/${repository}/manifests/x`, { headers, body })).status).toBe(201);
      expect(await (await client().call("GET", `/v2/${repository}/manifests/x`)).text()).toBe(body);
    });

    test("may be almost 4 MiB, an index, nested or empty, and carry its data", async () => {
      const { repository, image } = await client().repositoryWithImage();
      const large = await client().pushManifest(
        repository,
        imageOf({ annotations: { pad: "x".repeat(4_000_000) } }),
        "large",
      );
      expect(large.response.status).toBe(201);
      const inner = await client().pushManifest(repository, indexOf([image]));
      for (const index of [indexOf([inner.descriptor]), indexOf([])])
        expect((await client().pushManifest(repository, index, "index")).response.status).toBe(201);
      const config = { ...imageOf().config, data: new TextEncoder().encode("{}") };
      expect((await client().pushManifest(repository, imageOf({ config }), "data")).response.status).toBe(201);
    });

    test("that refers to what is not here is refused, but for layers that are kept elsewhere", async () => {
      const { repository } = await client().repositoryWithImage();
      const layer = { mediaType: "x/y", digest: absent("layer"), sizeBytes: 5 };
      const refused = await client().pushManifest(repository, imageOf({ layers: [layer] }), "x");
      expect([refused.response.status, await codeIn(refused.response)]).toEqual([404, "MANIFEST_BLOB_UNKNOWN"]);
      expect((await client().call("GET", `/v2/${repository}/manifests/x`)).status).toBe(404);
      const foreign = { ...layer, mediaType: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip" };
      for (const away of [foreign, { ...layer, urls: ["https://example.com/layer"] }])
        expect((await client().pushManifest(repository, imageOf({ layers: [away] }), "y")).response.status).toBe(201);
    });

    test("of other bytes than its digest, or that is none, is refused", async () => {
      const { repository } = await client().repositoryWithImage();
      const headers = { "content-type": mediaTypes.manifest };
      const body = formatManifest(imageOf());
      const wrong = await client().call("PUT", `/v2/${repository}/manifests/${absent("it")}`, { headers, body });
      expect([wrong.status, await codeIn(wrong)]).toEqual([400, "DIGEST_INVALID"]);
      const malformed = `/v2/${repository}/manifests/sha256:baddigeststring`;
      expect((await client().call("PUT", malformed, { headers, body })).status).toBe(400);
      expect([400, 404]).toContain((await client().call("GET", malformed)).status);
      const none = await client().call("PUT", `/v2/${repository}/manifests/x`, { headers, body: "{" });
      expect([none.status, await codeIn(none)]).toEqual([400, "MANIFEST_INVALID"]);
    });

    test("too large is 413", async () => {
      const { repository } = await client().repositoryWithImage();
      const body = formatManifest(imageOf({ annotations: { pad: "x".repeat(8_000_000) } }));
      const headers = { "content-type": mediaTypes.manifest };
      expect((await client().call("PUT", `/v2/${repository}/manifests/x`, { headers, body })).status).toBe(413);
    });

    test("is deleted by tag without itself, and by digest with its tags (end-9)", async () => {
      const { repository, image } = await client().repositoryWithImage("a", "b", "c");
      expect((await client().call("DELETE", `/v2/${repository}/manifests/a`)).status).toBe(202);
      for (const [reference, status] of [
        ["a", 404],
        ["b", 200],
        [image.digest, 200],
      ] as const)
        expect((await client().call("HEAD", `/v2/${repository}/manifests/${reference}`)).status).toBe(status);
      expect((await client().call("DELETE", `/v2/${repository}/manifests/${image.digest}`)).status).toBe(202);
      for (const reference of ["b", "c", image.digest]) {
        const gone = await client().call("GET", `/v2/${repository}/manifests/${reference}`);
        expect([gone.status, await codeIn(gone)]).toEqual([404, "MANIFEST_UNKNOWN"]);
      }
      expect((await client().call("DELETE", `/v2/${repository}/manifests/${image.digest}`)).status).toBe(404);
    });
  });
}
