import { describe, expect, test } from "bun:test";
import { digestOf } from "@cpm/store";
import { closing, codeIn, digestIn, locationOf } from "./protocol-client.ts";
import type { ProtocolClient } from "./protocol-client.ts";

const algorithms = ["sha256", "sha512"] as const;
const text = new TextEncoder().encode("0123456789");
const digest = digestOf(text);

/** "Pushing Blobs", and what was added after v1.1: `digest-algorithm`, cancelling. */
export function describeUploads(client: () => ProtocolClient): void {
  describe.each(algorithms)("a blob of %s is pushed", (algorithm) => {
    const named = digestOf(text, algorithm);
    const other = digestOf(new TextEncoder().encode("other"), algorithm);

    async function expectThere(repository: string, response: Response): Promise<void> {
      expect(response.status).toBe(201);
      const read = await client().call("GET", locationOf(response));
      expect([read.status, await read.text(), digestIn(read)]).toEqual([200, "0123456789", named]);
      expect((await client().call("HEAD", `/v2/${repository}/blobs/${named}`)).status).toBe(200);
    }

    test("in one POST (end-4b)", async () => {
      const repository = client().fresh();
      await expectThere(
        repository,
        await client().call("POST", `/v2/${repository}/blobs/uploads/?digest=${encodeURIComponent(named)}`, {
          body: text,
        }),
      );
    });

    test("by POST and PUT (end-4a, end-6)", async () => {
      const repository = client().fresh();
      const location = await client().begin(repository);
      await expectThere(repository, await client().call("PUT", closing(location, named), { body: text }));
    });

    test("with its algorithm named at the beginning (end-4c)", async () => {
      const repository = client().fresh();
      const location = await client().begin(repository, `?digest-algorithm=${algorithm}`);
      const patched = await client().call("PATCH", location, { body: text });
      await expectThere(repository, await client().call("PUT", closing(locationOf(patched), named)));
    });

    test("as a stream without Content-Range (end-5)", async () => {
      const repository = client().fresh();
      const patched = await client().call("PATCH", await client().begin(repository), { body: text });
      expect([patched.status, patched.headers.get("range")]).toEqual([202, "0-9"]);
      await expectThere(repository, await client().call("PUT", closing(locationOf(patched), named)));
    });

    test.each([
      ["all by PATCH", [4, 8, 10]],
      ["the last by PUT", [4, 8]],
      ["one, the rest by PUT", [1]],
    ])("in chunks, %s", async (_, ends) => {
      const repository = client().fresh();
      let [location, at] = [await client().begin(repository), 0];
      for (const end of ends) {
        const response = await client().chunk("PATCH", location, at, text.slice(at, end));
        expect([response.status, response.headers.get("range")]).toEqual([202, `0-${end - 1}`]);
        [location, at] = [locationOf(response), end];
      }
      const target = closing(location, named);
      const last =
        at === text.length ? client().call("PUT", target) : client().chunk("PUT", target, at, text.slice(at));
      await expectThere(repository, await last);
    });

    test("and refused in every form where its bytes are others", async () => {
      const repository = client().fresh();
      const uploads = `/v2/${repository}/blobs/uploads/`;
      const one = await client().call("POST", `${uploads}?digest=${other}`, { body: text });
      const two = await client().call("PUT", closing(await client().begin(repository), other), { body: text });
      const patched = await client().call("PATCH", await client().begin(repository), { body: text });
      const three = await client().call("PUT", closing(locationOf(patched), other));
      for (const refused of [one, two, three])
        expect([refused.status, await codeIn(refused)]).toEqual([400, "DIGEST_INVALID"]);
      for (const each of [other, named])
        expect((await client().call("HEAD", `/v2/${repository}/blobs/${each}`)).status).toBe(404);
    });
  });

  describe("an upload", () => {
    test("takes no chunk out of order, and goes on afterwards", async () => {
      const repository = client().fresh();
      const location = await client().begin(repository);
      expect((await client().chunk("PATCH", location, 4, text.slice(4, 8))).status).toBe(416);
      const first = await client().chunk("PATCH", location, 0, text.slice(0, 4));
      expect(first.status).toBe(202);
      const next = locationOf(first);
      for (const start of [0, 3, 5, 8]) {
        expect((await client().chunk("PATCH", next, start, text.slice(start))).status).toBe(416);
        expect((await client().chunk("PUT", closing(next, digest), start, text.slice(start))).status).toBe(416);
      }
      const status = await client().call("GET", next);
      expect([status.status, status.headers.get("range")]).toEqual([204, "0-3"]);
      expect((await client().chunk("PUT", closing(locationOf(status), digest), 4, text.slice(4))).status).toBe(201);
    });

    test("says where it stands, empty or begun (end-13)", async () => {
      const location = await client().begin(client().fresh());
      const empty = await client().call("GET", location);
      expect([empty.status, empty.headers.get("range")]).toEqual([204, "0-0"]);
      await client().call("PATCH", locationOf(empty), { body: text.slice(0, 7) });
      expect((await client().call("GET", location)).headers.get("range")).toBe("0-6");
    });

    test("is cancelled, and is then unknown (end-14)", async () => {
      const location = await client().begin(client().fresh());
      await client().call("PATCH", location, { body: text });
      expect((await client().call("DELETE", location)).status).toBe(204);
      for (const method of ["GET", "DELETE", "PATCH"]) {
        const response = await client().call(method, location, method === "PATCH" ? { body: text } : {});
        expect([response.status, await codeIn(response)]).toEqual([404, "BLOB_UPLOAD_UNKNOWN"]);
      }
    });

    test("that was never begun is unknown", async () => {
      const path = `/v2/${client().fresh()}/blobs/uploads/${crypto.randomUUID()}`;
      expect((await client().call("PUT", closing(path, digest), { body: text })).status).toBe(404);
    });

    test.each(["sha256:abc", `sha256:${"A".repeat(64)}`, `sha512:${"a".repeat(64)}`, "x", ""])(
      "is not ended under the digest %p",
      async (bad) => {
        const location = await client().begin(client().fresh());
        const refused = await client().call("PUT", closing(location, bad), { body: text });
        expect([refused.status, await codeIn(refused)]).toEqual([400, "DIGEST_INVALID"]);
      },
    );

    test("of nothing is the empty blob", async () => {
      const repository = client().fresh();
      const empty = digestOf(new Uint8Array(0));
      expect((await client().call("PUT", closing(await client().begin(repository), empty))).status).toBe(201);
      const read = await client().call("GET", `/v2/${repository}/blobs/${empty}`);
      expect([read.status, read.headers.get("content-length"), await read.text()]).toEqual([200, "0", ""]);
    });
  });

  describe("a mount (end-11)", () => {
    test("shows the blob of another repository that is named, and may find one that is not", async () => {
      const [from, own] = [client().fresh(), new TextEncoder().encode(crypto.randomUUID())];
      const { digest } = await client().pushBlob(from, own);
      const mount = (query: string) => client().call("POST", `/v2/${client().fresh()}/blobs/uploads/?${query}`);
      const named = await mount(`mount=${digest}&from=${from}`);
      expect(named.status).toBe(201);
      expect(new Uint8Array(await (await client().call("GET", locationOf(named))).arrayBuffer())).toEqual(own);
      const unnamed = await mount(`mount=${digest}`);
      expect([201, 202]).toContain(unnamed.status);
      // A blob or an upload: both are there.
      expect((await client().call("GET", locationOf(unnamed))).ok).toBe(true);
    });

    test("of what is not there becomes an upload", async () => {
      const to = client().fresh();
      const absent = digestOf(new TextEncoder().encode(crypto.randomUUID()));
      for (const query of [`mount=${absent}&from=${client().fresh()}`, `mount=${absent}`]) {
        const response = await client().call("POST", `/v2/${to}/blobs/uploads/?${query}`);
        expect(response.status).toBe(202);
        expect((await client().call("DELETE", locationOf(response))).status).toBe(204);
      }
      expect((await client().call("HEAD", `/v2/${to}/blobs/${absent}`)).status).toBe(404);
    });
  });
}
