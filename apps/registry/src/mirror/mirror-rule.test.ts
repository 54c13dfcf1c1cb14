import { expect, test } from "bun:test";
import { parseMirrorRule } from "./mirror-rule.ts";

test.each([
  ["acme=https://registry.example.org", "acme", "https://registry.example.org", ""],
  ["acme-*=http://127.0.0.1:5000/", "acme-*", "http://127.0.0.1:5000", ""],
  ["*=https://registry.example.org/team/cpm/", "*", "https://registry.example.org", "team/cpm/"],
])("%s is a rule", (text, pattern, origin, prefix) => {
  const rule = parseMirrorRule(text);
  expect([rule.pattern, rule.origin.origin, rule.prefix]).toEqual([pattern, origin, prefix]);
});

test.each([
  "",
  "acme",
  "https://registry.example.org",
  "acme/web=https://registry.example.org",
  "Acme=https://registry.example.org",
  "acme=registry.example.org",
  "acme=ftp://registry.example.org",
  "acme=https://user:password@registry.example.org",
  "acme=https://registry.example.org?x=1",
  "acme=https://registry.example.org/UPPER",
])("%p is none", (text) => {
  expect(() => parseMirrorRule(text)).toThrow("is no mirror");
});
