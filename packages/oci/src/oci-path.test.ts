import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isRepositoryName } from "./names.ts";
import { parseOciPath } from "./oci-path.ts";

const digest = `sha256:${"a".repeat(64)}`;

describe("a path under /v2", () => {
  test.each([
    ["/v2/", { kind: "base" }],
    ["/v2", { kind: "base" }],
    ["/v2/_catalog", { kind: "catalog" }],
    ["/v2/_oci/ext/discover", { kind: "extensions" }],
    [`/v2/a/blobs/${digest}`, { kind: "blob", repository: "a", digest }],
    [`/v2/a/b/c/blobs/${digest}`, { kind: "blob", repository: "a/b/c", digest }],
    [`/v2/a/blobs/sha256%3A${"a".repeat(64)}`, { kind: "blob", repository: "a", digest }],
    ["/v2/a/blobs/uploads/", { kind: "uploads", repository: "a" }],
    ["/v2/a/blobs/uploads", { kind: "uploads", repository: "a" }],
    ["/v2/a/blobs/uploads/some-id", { kind: "upload", repository: "a", id: "some-id" }],
    ["/v2/a/manifests/1.0.0", { kind: "manifest", repository: "a", reference: "1.0.0" }],
    ["/v2/a/tags/list", { kind: "tags", repository: "a" }],
    [`/v2/a/referrers/${digest}`, { kind: "referrers", repository: "a", digest }],
    // Names that hold the keywords themselves.
    [`/v2/blobs/blobs/${digest}`, { kind: "blob", repository: "blobs", digest }],
    [`/v2/manifests/blobs/${digest}`, { kind: "blob", repository: "manifests", digest }],
    ["/v2/blobs/manifests/uploads", { kind: "manifest", repository: "blobs", reference: "uploads" }],
    ["/v2/uploads/blobs/uploads/", { kind: "uploads", repository: "uploads" }],
    ["/v2/a/blobs/uploads/blobs/uploads/x", { kind: "upload", repository: "a/blobs/uploads", id: "x" }],
    ["/v2/a/blobs/uploads/manifests/x", { kind: "manifest", repository: "a/blobs/uploads", reference: "x" }],
    ["/v2/a/manifests/tags/list", { kind: "tags", repository: "a/manifests" }],
    ["/v2/tags/tags/list", { kind: "tags", repository: "tags" }],
    ["/v2/referrers/manifests/list", { kind: "manifest", repository: "referrers", reference: "list" }],
  ])("%s", (path, route) => {
    expect(parseOciPath(path) as unknown).toEqual(route);
  });

  test.each([
    "/v2/a",
    "/v2/tags/list",
    "/v2/manifests/x",
    "/v2x/a/tags/list",
    "/v2xa/tags/list",
    "/",
    "/v2//",
    "/v1/a/tags/list",
  ])("%s is none", (path) => {
    expect(parseOciPath(path)).toBeUndefined();
  });

  test.each(["/v2/A/tags/list", "/v2/a%2Fb/tags/list", "/v2//a/tags/list", "/v2/a/../b/tags/list", "/v2/_a/tags/list"])(
    "%s names no repository",
    (path) => {
      expect(() => parseOciPath(path)).toThrow(expect.objectContaining({ code: "oci/invalid-repository" }));
    },
  );

  test("whatever is asked for, a repository is one and nothing else is thrown", () => {
    const part = fc.constantFrom(
      "a",
      "blobs",
      "manifests",
      "uploads",
      "tags",
      "list",
      "referrers",
      "..",
      ".",
      "%2e",
      "%zz",
      "",
      digest,
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 7 }), (parts) => {
        try {
          const route = parseOciPath(`/v2/${parts.join("/")}`);
          if (route !== undefined && "repository" in route) expect(isRepositoryName(route.repository)).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ code: "oci/invalid-repository" });
        }
      }),
    );
  });
});
