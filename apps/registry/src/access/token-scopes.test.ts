import { expect, test } from "bun:test";
import fc from "fast-check";
import { matchesPattern, parsePatterns, parseTokenScopes } from "./token-scopes.ts";

test.each([
  ["acme/web", "acme/web", true],
  ["acme/web", "acme/web2", false],
  ["acme/*", "acme/web", true],
  ["acme/*", "acme/web/deep", true],
  ["acme/*", "acme2/web", false],
  ["*", "anything/at-all", true],
  ["*/app", "a/app", true],
  ["*/app", "a/apps", false],
  ["a*a", "a", false],
  ["a*a", "aa", true],
  ["*web*app*", "my/web-and-app-x", true],
  ["*web*app*", "my/app-and-web", false],
  ["a*bc*c", "abc", false],
])("the pattern %s and the name %s: %p", (pattern, name, expected) => {
  expect(matchesPattern(pattern, name)).toBe(expected);
});

test("a pattern matches as the regular expression that it stands for", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", "/", "*"), maxLength: 12 });
  fc.assert(
    fc.property(text, text, (pattern, word) => {
      const name = word.replaceAll("*", "b");
      const expression = new RegExp(`^${pattern.split("*").join(".*")}$`);
      expect(matchesPattern(pattern, name)).toBe(expression.test(name));
    }),
  );
});

test.each(["", "-x", "a b", "a[b]", "A/b", "a?", "a/*\n", "a".repeat(300)])("%p is no pattern", (text) => {
  expect(() => parsePatterns([text])).toThrow(expect.objectContaining({ code: "registry-server/access-invalid" }));
});

test("scopes are the four that there are, once each", () => {
  expect(parseTokenScopes(["publish", "read", "publish"])).toEqual(["read", "publish"]);
  for (const wrong of [[], ["write"], ["read", "*"]])
    expect(() => parseTokenScopes(wrong)).toThrow(expect.objectContaining({ code: "registry-server/access-invalid" }));
});
