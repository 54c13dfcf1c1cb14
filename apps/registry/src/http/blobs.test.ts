import { afterAll, describe, expect, test } from "bun:test";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { concatBytes, encodeUtf8 } from "@cpm/base";
import type { Digest } from "@cpm/base";
import { digestOf } from "@cpm/store";
import { openRegistry } from "../registry.ts";
import { codesOf, emptyConfigBytes, imageOf, openRegistryUnderTest } from "../testing/index.ts";

const registry = await openRegistryUnderTest({ limits: { maxBlobBytes: 1_000_000 } });
afterAll(() => registry.dispose());
const { call, pushBlob } = registry;

const text = encodeUtf8("0123456789");
const digest = digestOf(text);
let count = 0;
const fresh = (): string => `test/r${count++}`;

describe("an upload", () => {
  test.each(["sha256", "sha512"] as const)("in one POST (%s)", async (algorithm) => {
    const repository = fresh();
    const named = digestOf(text, algorithm);
    const response = await call("POST", `/v2/${repository}/blobs/uploads/?digest=${encodeURIComponent(named)}`, {
      body: text,
    });
    expect(response.status).toBe(201);
    expect(response.headers.get("location")).toBe(`/v2/${repository}/blobs/${named}`);
    expect(response.headers.get("docker-content-digest")).toBe(named);
    await expectBlob(repository, text, named);
  });

  test.each(["sha256", "sha512"] as const)("by POST and PUT (%s)", async (algorithm) => {
    const repository = fresh();
    const location = await begin(repository);
    const response = await call("PUT", `${location}?digest=${digestOf(text, algorithm)}`, { body: text });
    expect(response.status).toBe(201);
    await expectBlob(repository, text, digestOf(text, algorithm));
  });

  test("whose algorithm was announced", async () => {
    const repository = fresh();
    const location = await begin(repository, "?digest-algorithm=sha512");
    expect((await call("PUT", `${location}?digest=${digestOf(text, "sha512")}`, { body: text })).status).toBe(201);
    const other = await begin(repository, "?digest-algorithm=sha512");
    expect((await call("PUT", `${other}?digest=${digest}`, { body: text })).status).toBe(201);
    await expectBlob(repository, text, digest);
  });

  test("as a stream in one PATCH without Content-Range", async () => {
    const repository = fresh();
    const location = await begin(repository);
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const byte of text) controller.enqueue(Uint8Array.of(byte));
        controller.close();
      },
    });
    const patched = await call("PATCH", location, { body });
    expect(patched.status).toBe(202);
    expect(patched.headers.get("range")).toBe("0-9");
    expect((await call("PUT", `${patched.headers.get("location")}?digest=${digest}`)).status).toBe(201);
    await expectBlob(repository, text, digest);
  });

  test.each([
    ["with the last chunk in a PATCH", [4, 8, 10], 10],
    ["with the last chunk in the PUT", [4, 8], 10],
  ])("in chunks, %s", async (_, ends, end) => {
    const repository = fresh();
    let location = await begin(repository);
    let at = 0;
    for (const to of ends) {
      const response = await chunk("PATCH", location, at, text.slice(at, to));
      expect(response.status).toBe(202);
      expect(response.headers.get("range")).toBe(`0-${to - 1}`);
      location = response.headers.get("location") ?? "";
      at = to;
    }
    const last = text.slice(at, end);
    const response =
      last.length === 0
        ? await call("PUT", `${location}?digest=${digest}`)
        : await chunk("PUT", `${location}?digest=${digest}`, at, last);
    expect(response.status).toBe(201);
    await expectBlob(repository, text, digest);
  });

  test("of nothing is a blob of no bytes", async () => {
    const repository = fresh();
    const empty = new Uint8Array(0);
    const location = await begin(repository);
    expect((await call("PUT", `${location}?digest=${digestOf(empty)}`)).status).toBe(201);
    await expectBlob(repository, empty, digestOf(empty));
  });

  test("out of order is 416, for a PATCH and for the closing PUT, and goes on afterwards", async () => {
    const repository = fresh();
    const location = await begin(repository);
    expect((await chunk("PATCH", location, 4, text.slice(4, 8))).status).toBe(416);
    expect((await chunk("PATCH", location, 0, text.slice(0, 4))).status).toBe(202);
    for (const method of ["PATCH", "PUT"]) {
      const target = method === "PUT" ? `${location}?digest=${digest}` : location;
      for (const start of [0, 3, 5, 8]) {
        const response = await chunk(method, target, start, text.slice(start));
        expect(response.status).toBe(416);
        expect(await codesOf(response)).toEqual({ oci: "BLOB_UPLOAD_INVALID", own: "registry-server/upload-range" });
      }
    }
    expect((await call("PATCH", location, { headers: { "content-range": "nonsense" }, body: "x" })).status).toBe(416);
    const status = await call("GET", location);
    expect(status.status).toBe(204);
    expect(status.headers.get("range")).toBe("0-3");
    expect((await chunk("PUT", `${location}?digest=${digest}`, 4, text.slice(4))).status).toBe(201);
  });

  test("that is empty has the status 0-0, with a relative location", async () => {
    const location = await begin(fresh());
    expect(location.startsWith("/v2/")).toBe(true);
    const status = await call("GET", location);
    expect(status.status).toBe(204);
    expect(status.headers.get("range")).toBe("0-0");
    expect(status.headers.get("location")).toBe(location);
  });

  test("that is cancelled is gone", async () => {
    const location = await begin(fresh());
    await call("PATCH", location, { body: text });
    expect((await call("DELETE", location)).status).toBe(204);
    for (const method of ["GET", "DELETE"]) expect((await call(method, location)).status).toBe(404);
    const late = await call("PATCH", location, { body: text });
    expect(late.status).toBe(404);
    expect(await codesOf(late)).toEqual({ oci: "BLOB_UPLOAD_UNKNOWN", own: "registry-server/upload-unknown" });
  });

  test("belongs to its repository", async () => {
    const location = await begin("test/mine");
    const stolen = location.replace("/test/mine/", "/test/yours/");
    expect((await call("PUT", `${stolen}?digest=${digest}`, { body: text })).status).toBe(404);
  });

  test.each(["..%2F..%2Fregistry.db", "x", "%00", "0".repeat(36), "....................................", "%2e%2e"])(
    "%s does not exist",
    async (id) => {
      expect([400, 404]).toContain((await call("PATCH", `/v2/a/blobs/uploads/${id}`, { body: text })).status);
    },
  );

  test("of other bytes than its digest says is refused and nothing is kept", async () => {
    const repository = fresh();
    const before = readdirSync(join(registry.dataDirectory, "uploads")).length;
    const wrong = digestOf(encodeUtf8("other"));
    const location = await begin(repository);
    const response = await call("PUT", `${location}?digest=${wrong}`, { body: text });
    expect(response.status).toBe(400);
    expect(await codesOf(response)).toEqual({ oci: "DIGEST_INVALID", own: "registry-server/digest-invalid" });
    expect((await call("GET", location)).status).toBe(404);
    expect((await call("POST", `/v2/${repository}/blobs/uploads/?digest=${wrong}`, { body: text })).status).toBe(400);
    expect((await call("HEAD", `/v2/${repository}/blobs/${wrong}`)).status).toBe(404);
    expect((await call("HEAD", `/v2/${repository}/blobs/${digest}`)).status).toBe(404);
    expect(readdirSync(join(registry.dataDirectory, "uploads"))).toHaveLength(before);
  });

  test.each([
    "sha256:abc",
    `sha256:${"A".repeat(64)}`,
    `sha512:${"a".repeat(64)}`,
    `md5:${"a".repeat(32)}`,
    `sha256:${"a".repeat(64)}/../x`,
    "",
  ])("with the digest %p is refused and can still be ended rightly", async (bad) => {
    const repository = fresh();
    const location = await begin(repository);
    const query = `digest=${encodeURIComponent(bad)}`;
    const response = await call("PUT", `${location}?${query}`, { body: text });
    expect(response.status).toBe(400);
    expect((await codesOf(response)).oci).toBe("DIGEST_INVALID");
    expect((await call("POST", `/v2/${repository}/blobs/uploads/?${query}`, { body: text })).status).toBe(400);
    expect((await call("PUT", `${location}?digest=${digest}`, { body: text })).status).toBe(201);
  });

  test("without a digest cannot be ended", async () => {
    const location = await begin(fresh());
    expect((await call("PUT", location, { body: text })).status).toBe(400);
  });

  test("larger than the registry takes is refused with 413", async () => {
    const location = await begin(fresh());
    const response = await call("PATCH", location, { body: new Uint8Array(1_000_001) });
    expect(response.status).toBe(413);
    expect((await codesOf(response)).oci).toBe("SIZE_INVALID");
  });

  test("keeps what arrived before its body broke, and goes on", async () => {
    const repository = fresh();
    const location = await begin(repository);
    const broken = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(text.slice(0, 6));
        controller.error(new DOMException("The connection was closed.", "AbortError"));
      },
    });
    const response = await call("PATCH", location, { body: broken });
    expect(response.status).toBe(499);
    expect((await codesOf(response)).own).toBe("registry-server/interrupted");
    const held = Number((await call("GET", location)).headers.get("range")?.split("-")[1]) + 1;
    const from = held === 1 ? 0 : held;
    expect((await chunk("PUT", `${location}?digest=${digest}`, from, text.slice(from))).status).toBe(201);
  });

  test("that another request is writing refuses a stream, and goes to one that names its place", async () => {
    const repository = fresh();
    const location = await begin(repository);
    let stalled: ReadableStreamDefaultController<Uint8Array> | undefined;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        stalled = controller;
        controller.enqueue(text.slice(0, 4));
      },
    });
    const first = call("PATCH", location, { body });
    await untilRange(location, "0-3");
    expect((await call("PATCH", location, { body: "x" })).status).toBe(416);
    const second = await chunk("PUT", `${location}?digest=${digest}`, 4, text.slice(4));
    expect(second.status).toBe(201);
    stalled?.enqueue(text.slice(4));
    stalled?.close();
    expect((await first).status).toBe(416);
    await expectBlob(repository, text, digest);
  });

  test("that is being ended takes no more bytes", async () => {
    const repository = fresh();
    const large = new Uint8Array(900_000).fill(7);
    const location = await begin(repository);
    await call("PATCH", location, { body: large });
    // sha512 is computed from the file, over several turns of the loop.
    const ending = call("PUT", `${location}?digest=${digestOf(large, "sha512")}`);
    const meanwhile = await Promise.all(Array.from({ length: 5 }, () => call("PATCH", location, { body: "x" })));
    expect((await ending).status).toBe(201);
    for (const response of meanwhile) expect([404, 416]).toContain(response.status);
    await expectBlob(repository, large, digestOf(large, "sha512"));
  });
});

describe("an upload that a restart interrupts", () => {
  const half = text.slice(0, 5);
  async function interrupted() {
    const first = await openRegistryUnderTest();
    const begun = await first.call("POST", "/v2/test/restart/blobs/uploads/");
    const location = begun.headers.get("location") ?? "";
    await first.call("PATCH", location, { body: half });
    await first.close();
    const second = await openRegistry({ dataDirectory: first.dataDirectory, access: "open" });
    const ask = (method: string, path: string, body?: Uint8Array<ArrayBuffer>) =>
      second.fetch(new Request(`http://registry.test${path}`, { method, ...(body === undefined ? {} : { body }) }));
    const staged = join(first.dataDirectory, "uploads", location.split("/").at(-1) ?? "");
    const dispose = async (): Promise<void> => {
      await second.close();
      rmSync(first.dataDirectory, { recursive: true, force: true });
    };
    return { location, ask, staged, dispose };
  }

  test("goes on where it stood", async () => {
    const { location, ask, dispose } = await interrupted();
    expect((await ask("GET", location)).headers.get("range")).toBe("0-4");
    expect((await ask("PUT", `${location}?digest=${digest}`, text.slice(5))).status).toBe(201);
    await dispose();
  });

  test("is refused when the disk has zeros in place of what arrived", async () => {
    const { location, ask, staged, dispose } = await interrupted();
    writeFileSync(staged, new Uint8Array(5));
    expect((await ask("PUT", `${location}?digest=${digest}`, text.slice(5))).status).toBe(400);
    expect((await ask("HEAD", `/v2/test/restart/blobs/${digest}`)).status).toBe(404);
    expect((await ask("GET", location)).status).toBe(404);
    await dispose();
  });
});

describe("a mount", () => {
  test("shows a blob of another repository", async () => {
    const [from, to] = [fresh(), fresh()];
    await pushBlob(from, text);
    const response = await call("POST", `/v2/${to}/blobs/uploads/?mount=${digest}&from=${from}`);
    expect(response.status).toBe(201);
    expect(response.headers.get("location")).toBe(`/v2/${to}/blobs/${digest}`);
    await expectBlob(to, text, digest);
  });

  test("without from looks everywhere", async () => {
    const own = encodeUtf8("somewhere");
    const to = fresh();
    await pushBlob(fresh(), own);
    expect((await call("POST", `/v2/${to}/blobs/uploads/?mount=${digestOf(own)}`)).status).toBe(201);
    await expectBlob(to, own, digestOf(own));
  });

  test("of what is not there becomes an upload", async () => {
    const [from, to] = [fresh(), fresh()];
    const own = encodeUtf8("nowhere");
    for (const query of [`mount=${digestOf(own)}&from=${from}`, `mount=${digestOf(own)}`]) {
      const response = await call("POST", `/v2/${to}/blobs/uploads/?${query}`);
      expect(response.status).toBe(202);
      const location = response.headers.get("location") ?? "";
      expect((await call("DELETE", location)).status).toBe(204);
    }
    expect((await call("HEAD", `/v2/${to}/blobs/${digestOf(own)}`)).status).toBe(404);
  });

  test("of what a repository no longer shows is none", async () => {
    const own = encodeUtf8("deleted");
    const from = fresh();
    await pushBlob(from, own);
    expect((await call("DELETE", `/v2/${from}/blobs/${digestOf(own)}`)).status).toBe(202);
    expect((await call("POST", `/v2/${fresh()}/blobs/uploads/?mount=${digestOf(own)}`)).status).toBe(202);
  });

  test.each(["mount=sha256:short&from=a", `mount=${digest}&from=Not A Name`])("with %s is refused", async (query) => {
    expect((await call("POST", `/v2/${fresh()}/blobs/uploads/?${query}`)).status).toBe(400);
  });
});

describe("a blob", () => {
  const repository = "test/ranges";

  test.each([
    ["bytes=0-3", 206, "0123", "bytes 0-3/10"],
    ["bytes=4-", 206, "456789", "bytes 4-9/10"],
    ["bytes=4-400", 206, "456789", "bytes 4-9/10"],
    ["bytes=-3", 206, "789", "bytes 7-9/10"],
    ["bytes=-300", 206, "0123456789", "bytes 0-9/10"],
    ["bytes=9-9", 206, "9", "bytes 9-9/10"],
    ["bytes=10-", 416, "", "bytes */10"],
    ["bytes=5-2", 416, "", "bytes */10"],
    ["bytes=-0", 416, "", "bytes */10"],
    ["bytes=0-1,4-5", 200, "0123456789", null],
    ["lines=0-1", 200, "0123456789", null],
  ])("of %s", async (range, status, expected, contentRange) => {
    await pushBlob(repository, text);
    const response = await call("GET", `/v2/${repository}/blobs/${digest}`, { headers: { range } });
    expect(response.status).toBe(status);
    expect(response.headers.get("content-range")).toBe(contentRange);
    expect(await response.text()).toBe(expected);
  });

  test("is given whole when If-Range names another", async () => {
    await pushBlob(repository, text);
    const path = `/v2/${repository}/blobs/${digest}`;
    const other = await call("GET", path, { headers: { range: "bytes=4-", "if-range": '"other"' } });
    expect(other.status).toBe(200);
    const same = await call("GET", path, { headers: { range: "bytes=4-", "if-range": `"${digest}"` } });
    expect(same.status).toBe(206);
    expect((await call("GET", path, { headers: { "if-none-match": `"${digest}"` } })).status).toBe(304);
  });

  test("is found under a percent-encoded digest", async () => {
    await pushBlob(repository, text);
    const response = await call("GET", `/v2/${repository}/blobs/${digest.replace(":", "%3A")}`);
    expect(await response.text()).toBe("0123456789");
  });

  test.each(["sha256:short", `sha256:${"G".repeat(64)}`, "%zz", `sha256:${"A".repeat(64)}`])(
    "%s is a bad request",
    async (bad) => {
      for (const method of ["GET", "HEAD", "DELETE"]) {
        expect((await call(method, `/v2/${repository}/blobs/${bad}`)).status).toBe(400);
      }
    },
  );

  test("of another repository is not shown", async () => {
    await pushBlob(repository, text);
    const response = await call("GET", `/v2/test/elsewhere/blobs/${digest}`);
    expect(response.status).toBe(404);
    expect((await codesOf(response)).oci).toBe("BLOB_UNKNOWN");
  });

  test("is deleted for its repository alone, once", async () => {
    const [one, two] = [fresh(), fresh()];
    await pushBlob(one, text);
    await pushBlob(two, text);
    expect((await call("DELETE", `/v2/${one}/blobs/${digest}`)).status).toBe(202);
    expect((await call("DELETE", `/v2/${one}/blobs/${digest}`)).status).toBe(404);
    expect((await call("GET", `/v2/${one}/blobs/${digest}`)).status).toBe(404);
    await expectBlob(two, text, digest);
  });

  test("that a manifest refers to is not deleted before it", async () => {
    const repository = fresh();
    const layer = await pushBlob(repository, text);
    await pushBlob(repository, emptyConfigBytes);
    const { descriptor } = await registry.pushManifest(repository, imageOf({ layers: [layer] }), "x");
    const refused = await call("DELETE", `/v2/${repository}/blobs/${digest}`);
    expect(refused.status).toBe(405);
    expect(await codesOf(refused)).toEqual({ oci: "DENIED", own: "registry-server/in-use" });
    await expectBlob(repository, text, digest);
    expect((await call("DELETE", `/v2/${repository}/manifests/${descriptor.digest}`)).status).toBe(202);
    expect((await call("DELETE", `/v2/${repository}/blobs/${digest}`)).status).toBe(202);
  });

  test("whose file is gone is an error of the server, and is healed by a push", async () => {
    const repository = fresh();
    const own = encodeUtf8("lost and found");
    const { digest } = await pushBlob(repository, own);
    const path = join(registry.dataDirectory, "blobs/sha256", digest.slice(7));
    rmSync(path);
    const lost = await call("GET", `/v2/${repository}/blobs/${digest}`);
    expect(lost.status).toBe(500);
    expect(await lost.text()).not.toContain(registry.dataDirectory);
    expect(registry.log.at(-1)?.error).toContain("registry-server/content-lost");
    writeFileSync(path, "damaged bytes!");
    await pushBlob(repository, own);
    await expectBlob(repository, own, digest);
  });
});

describe("the registry", () => {
  test("answers the base and says what it is not", async () => {
    for (const path of ["/v2/", "/v2"]) {
      const response = await call("GET", path);
      expect(response.status).toBe(200);
      expect(response.headers.get("docker-distribution-api-version")).toBe("registry/2.0");
    }
    for (const [method, path] of [
      ["PUT", "/v2/"],
      ["POST", `/v2/a/blobs/${digest}`],
      ["GET", "/v2/a/blobs/uploads/"],
      ["POST", "/v2/a/tags/list"],
      ["PATCH", "/v2/a/manifests/x"],
      ["DELETE", `/v2/a/referrers/${digest}`],
    ] as const) {
      const response = await call(method, path);
      expect(response.status).toBe(405);
      expect((await codesOf(response)).oci).toBe("UNSUPPORTED");
    }
    for (const path of ["/v2/a", "/v3/", "/v2xa/tags/list"]) expect((await call("GET", path)).status).toBe(404);
  });
});

async function begin(repository: string, query = ""): Promise<string> {
  const response = await call("POST", `/v2/${repository}/blobs/uploads/${query}`);
  expect(response.status).toBe(202);
  expect(response.headers.get("range")).toBe("0-0");
  return response.headers.get("location") ?? "";
}

function chunk(method: string, location: string, start: number, bytes: Uint8Array<ArrayBuffer>): Promise<Response> {
  const headers = { "content-range": `${start}-${start + bytes.length - 1}` };
  return call(method, location, { headers, body: bytes });
}

async function untilRange(location: string, range: string): Promise<void> {
  for (let turn = 0; turn < 1000; turn++) {
    if ((await call("GET", location)).headers.get("range") === range) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Error(`the upload never stood at ${range}`);
}

async function expectBlob(repository: string, bytes: Uint8Array, digest: Digest): Promise<void> {
  const head = await call("HEAD", `/v2/${repository}/blobs/${digest}`);
  expect(head.status).toBe(200);
  expect(head.headers.get("content-length")).toBe(String(bytes.length));
  expect(head.headers.get("docker-content-digest")).toBe(digest);
  expect(head.headers.get("accept-ranges")).toBe("bytes");
  const response = await call("GET", `/v2/${repository}/blobs/${digest}`);
  expect(response.status).toBe(200);
  expect(concatBytes([new Uint8Array(await response.arrayBuffer())])).toEqual(concatBytes([bytes]));
}
