import { describe, expect, test } from "bun:test";
import { formatManifest, mediaTypes } from "@cpm/oci";
import { imageOf } from "@cpm/registry/testing";
import { digestOf } from "@cpm/store";
import { codeIn, nextOf } from "./protocol-client.ts";
import type { ProtocolClient } from "./protocol-client.ts";

/** "Listing Tags", and the `tag` parameters that were added after v1.1 (end-7b). */
export function describeTags(client: () => ProtocolClient): void {
  const list = async (repository: string, query = ""): Promise<string[]> =>
    (await (await client().call("GET", `/v2/${repository}/tags/list${query}`)).json()).tags;

  describe("tags", () => {
    const names = ["b", "A", "a", "1.10.0", "1.9.0", "_", "Z", "z.z"];
    const sorted = names.toSorted();

    test.each([1, 2, 3, 7, 8, 9, 10_000])("are listed in byte order, %d at a time (end-8)", async (size) => {
      const { repository } = await client().repositoryWithImage(...names);
      expect(await list(repository)).toEqual(sorted);
      const seen: string[] = [];
      let next: string | undefined = `/v2/${repository}/tags/list?n=${size}`;
      for (let pages = 0; next !== undefined && pages <= names.length; pages++) {
        const page = await client().call("GET", next);
        const { name, tags } = await page.json();
        expect([name, tags.length <= size]).toEqual([repository, true]);
        seen.push(...tags);
        next = nextOf(page);
      }
      expect([next, seen]).toEqual([undefined, sorted]);
    });

    test("are listed after one, with and without a count, also one that is not there", async () => {
      const { repository } = await client().repositoryWithImage(...names);
      expect(await list(repository, "?last=Z")).toEqual(["_", "a", "b", "z.z"]);
      expect(await list(repository, "?last=Y&n=2")).toEqual(["Z", "_"]);
      expect(await list(repository, "?last=zzz")).toEqual([]);
      const none = await client().call("GET", `/v2/${repository}/tags/list?n=0`);
      expect([await none.json(), nextOf(none)]).toEqual([{ name: repository, tags: [] }, undefined]);
    });

    test("of a repository that is not there are not found", async () => {
      const response = await client().call("GET", `/v2/${client().fresh()}/tags/list`);
      expect([response.status, await codeIn(response)]).toEqual([404, "NAME_UNKNOWN"]);
    });

    test("are pushed beside a digest, each echoed; too many are refused", async () => {
      const { repository } = await client().repositoryWithImage();
      const body = formatManifest(imageOf({ annotations: { many: "tags" } }));
      const headers = { "content-type": mediaTypes.manifest };
      const push = (tags: readonly string[]) =>
        client().call(
          "PUT",
          `/v2/${repository}/manifests/${digestOf(body)}?${tags.map((tag) => `tag=${tag}`).join("&")}`,
          {
            headers,
            body,
          },
        );
      const ten = Array.from({ length: 10 }, (_, index) => `t${index}`);
      const response = await push(ten);
      expect(response.status).toBe(201);
      expect(response.headers.get("oci-tag")?.split(/,\s*/)).toEqual(ten);
      expect(await list(repository)).toEqual(ten);
      expect((await push(Array.from({ length: 500 }, (_, index) => `u${index}`))).status).toBe(414);
      expect((await push(["-bad"])).status).toBe(400);
      expect(await list(repository)).toEqual(ten);
    });
  });
}
