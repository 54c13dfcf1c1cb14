import { beforeAll, describe, expect, test } from "bun:test";
import { digestOf } from "@cpm/store";
import { codeIn, digestIn } from "./protocol-client.ts";
import type { ProtocolClient } from "./protocol-client.ts";

const text = new TextEncoder().encode("0123456789");
const digest = digestOf(text);

/** "Pulling blobs" and "Deleting Blobs"; ranges by RFC 9110 §14. */
export function describeBlobs(client: () => ProtocolClient): void {
  describe("a blob", () => {
    let path = "";
    beforeAll(async () => {
      const repository = client().fresh();
      await client().pushBlob(repository, text);
      path = `/v2/${repository}/blobs/${digest}`;
    });

    test("is read whole, and its head without it (end-2)", async () => {
      for (const address of [path, path.replace("sha256:", "sha256%3A")])
        for (const method of ["GET", "HEAD"]) {
          const response = await client().call(method, address);
          expect([response.status, response.headers.get("content-length"), digestIn(response)]).toEqual([
            200,
            "10",
            digest,
          ]);
          expect(response.headers.get("accept-ranges")).toBe("bytes");
          expect(await response.text()).toBe(method === "GET" ? "0123456789" : "");
        }
    });

    test.each([
      ["bytes=0-3", 206, "0123", "bytes 0-3/10"],
      ["bytes=4-", 206, "456789", "bytes 4-9/10"],
      ["bytes=4-400", 206, "456789", "bytes 4-9/10"],
      ["bytes=-3", 206, "789", "bytes 7-9/10"],
      ["bytes=-300", 206, "0123456789", "bytes 0-9/10"],
      ["bytes=9-9", 206, "9", "bytes 9-9/10"],
      ["bytes=10-", 416, "", "bytes */10"],
      ["bytes=5-2", 416, "", "bytes */10"],
    ])("is read in the range %s", async (range, status, expected, contentRange) => {
      const response = await client().call("GET", path, { headers: { range } });
      expect([response.status, response.headers.get("content-range")]).toEqual([status, contentRange]);
      expect(await response.text()).toBe(expected);
    });

    test("that is not there is unknown, and a digest that is none is a bad request", async () => {
      const absent = await client().call("GET", `/v2/${client().fresh()}/blobs/${digest}`);
      expect([absent.status, await codeIn(absent)]).toEqual([404, "BLOB_UNKNOWN"]);
      expect([400, 404]).toContain((await client().call("GET", path.replace(digest, "sha256:short"))).status);
    });

    test("is deleted once, for its own repository (end-10)", async () => {
      const [one, two] = [client().fresh(), client().fresh()];
      for (const repository of [one, two]) await client().pushBlob(repository, text);
      expect((await client().call("DELETE", `/v2/${one}/blobs/${digest}`)).status).toBe(202);
      for (const method of ["DELETE", "GET", "HEAD"])
        expect((await client().call(method, `/v2/${one}/blobs/${digest}`)).status).toBe(404);
      expect((await client().call("HEAD", `/v2/${two}/blobs/${digest}`)).status).toBe(200);
    });
  });
}
