import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { matchGlob, parseGlob } from "./glob.ts";
import { isReleaseName, parsePackageName, splitPackageName } from "./package-name.ts";
import { formatReference, parseReference } from "./reference.ts";

describe("package names", () => {
  test.each(["rise/wordcount", "a/b", "my-team/x-1-y", `${"a".repeat(64)}/b`])("%p is one", (text) => {
    const name = parsePackageName(text);
    const { namespace, base } = splitPackageName(name);
    expect(`${namespace}/${base}`).toBe(text);
  });

  test.each([
    ["wordcount", "namespace is missing"],
    ["a/b/c", "more than two parts"],
    ["Rise/wordcount", "capital letters"],
    [`${"a".repeat(65)}/b`, "too long"],
    ["a/-b", "not a package name"],
    ["a/b-", "not a package name"],
    ["a/b--c", "not a package name"],
    ["a/b_c", "not a package name"],
    ["a/..", "not a package name"],
    ["a/ｂ", "not a package name"],
    ["a/b\n", "not a package name"],
  ])("%p is refused: %s", (text, why) => {
    expect(() => parsePackageName(text)).toThrow(why);
  });

  test("a release name leaves room for its revisions", () => {
    expect(isReleaseName("nightly-report")).toBe(true);
    expect(isReleaseName("a".repeat(49))).toBe(false);
    expect(isReleaseName("a.b")).toBe(false);
  });
});

describe("references", () => {
  const digest = `sha256:${"0".repeat(64)}`;

  test.each([
    ["rise/wordcount", undefined, "newest"],
    ["rise/wordcount@1.2.0", undefined, "version"],
    ["rise/wordcount@^1.2", undefined, "range"],
    ["rise/wordcount@>=1.2 <3 || 5.x", undefined, "range"],
    [`rise/wordcount@${digest}`, undefined, "digest"],
    ["localhost:5000/rise/wordcount@1.0.0", "localhost:5000", "version"],
    ["[::1]:5000/rise/wordcount", "[::1]:5000", "newest"],
    ["registry.example.org/rise/wordcount", "registry.example.org", "newest"],
  ])("%p", (text, registry, kind) => {
    const reference = parseReference(text);
    expect(reference.registry).toBe(registry as never);
    expect(reference.selector.kind).toBe(kind as never);
    expect(formatReference(reference)).toBe(text);
  });

  test.each([
    "",
    "wordcount",
    "a/b@",
    "a/b@latest",
    "a/b@sha256:12",
    "host:99999/a/b",
    "ho st/a/b",
    "a/b/c/d",
    "../a/b",
    "-x/a/b",
  ])("%p is refused", (text) =>
    expect(() => parseReference(text)).toThrow(expect.objectContaining({ code: "reference/invalid" })),
  );
});

describe("file patterns", () => {
  test.each([
    ["payload/**", "payload/a/b.txt", true],
    ["payload/**", "payload", true],
    ["payload/*", "payload/a/b.txt", false],
    ["**/*.txt", "a.txt", true],
    ["**/*.txt", "x/y/a.txt", true],
    ["a/**/z", "a/z", true],
    ["a/**/z", "a/b/c/z", true],
    ["a/**/z", "a/b/c/zz", false],
    ["bin/{amd64,arm64}/tool", "bin/arm64/tool", true],
    ["bin/{amd64,arm64}/tool", "bin/arm/tool", false],
    ["f?o", "foo", true],
    ["f?o", "f/o", false],
    ["*.tar.*", "a.tar.gz", true],
    ["[ab]", "a", false],
  ])("%p over %p is %p", (pattern, path, matches) => {
    expect(matchGlob(parseGlob(pattern), path)).toBe(matches);
  });

  test.each([
    "",
    "/abs",
    "../up",
    "a//b",
    "a/./b",
    "a\\b",
    "a**",
    "{a",
    "a}",
    "{a,{b}}",
    "{a,b}".repeat(7),
    "x".repeat(600),
  ])("%p is refused", (pattern) =>
    expect(() => parseGlob(pattern)).toThrow(expect.objectContaining({ code: "glob/invalid" })),
  );

  test("a pattern made to backtrack does bounded work", () => {
    const glob = parseGlob(`${"**/".repeat(100)}${"*a".repeat(100)}b`);
    expect(matchGlob(glob, `${"a/".repeat(200)}${"a".repeat(5000)}`)).toBe(false);
  });

  test("a path matches itself", () => {
    const component = fc.stringMatching(/^[a-z0-9._-]{1,8}$/).filter((text) => !/^\.+$/.test(text));
    fc.assert(
      fc.property(fc.array(component, { minLength: 1, maxLength: 5 }), (components) => {
        const path = components.join("/");
        expect(matchGlob(parseGlob(path), path)).toBe(true);
        expect(matchGlob(parseGlob("**"), path)).toBe(true);
      }),
    );
  });
});
