import { describe, expect, test } from "bun:test";
import { codeIn } from "./protocol-client.ts";
import type { ProtocolClient } from "./protocol-client.ts";

/** "Determining Support", the extensions' discovery, names, and what is no endpoint. */
export function describeBase(client: () => ProtocolClient): void {
  describe("the registry", () => {
    test.each(["/v2/", "/v2"])("says at %s that it is one (end-1)", async (path) => {
      expect((await client().call("GET", path)).status).toBe(200);
    });

    test("lists its extensions, by names of the form that theirs must have", async () => {
      const response = await client().call("GET", "/v2/_oci/ext/discover");
      expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/json"]);
      const { extensions } = await response.json();
      expect(extensions.length).toBeGreaterThan(0);
      for (const { name, url, description, endpoints } of extensions) {
        expect(name).toMatch(/^_[a-z0-9]+([._-][a-z0-9]+)*$/);
        expect([URL.canParse(url), typeof description]).toEqual([true, "string"]);
        for (const endpoint of endpoints) expect((await client().call("GET", `/v2/${endpoint}`)).status).toBe(200);
      }
    });

    test("takes names that hold its own keywords", async () => {
      for (const last of ["blobs", "manifests", "tags", "referrers", "uploads", "a__b.c-d--e"]) {
        const repository = `${client().fresh()}/${last}`;
        const bytes = new TextEncoder().encode(last);
        const { digest } = await client().pushBlob(repository, bytes);
        expect(await (await client().call("GET", `/v2/${repository}/blobs/${digest}`)).text()).toBe(last);
      }
    });

    test.each(["Upper", "a/", "-a", "a--", "a..b", "a___b", "a//b", "_a"])(
      "takes no name that ends in %p",
      async (last) => {
        const response = await client().call("POST", `/v2/${client().fresh()}/${last}/blobs/uploads/`);
        expect([400, 404]).toContain(response.status);
        expect(["NAME_INVALID", "NAME_UNKNOWN"]).toContain(await codeIn(response));
      },
    );
  });
}
