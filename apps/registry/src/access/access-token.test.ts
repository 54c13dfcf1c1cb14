import { expect, test } from "bun:test";
import { AccessTokens } from "./access-token.ts";

let now = 1_000_000;
const tokens = new AccessTokens("key", "registry.test", () => now);
const granted = new Map([["repository:a/b", new Set(["pull"])]]);
const issue = () => tokens.issue({ subject: { kind: "user", id: 7, key: "k" }, granted, expiresAt: now + 1000 });

test("a token says what it was given out for, the second time too, until its end", () => {
  const token = issue();
  for (let turn = 0; turn < 2; turn++)
    expect(tokens.read(token)).toEqual({ subject: { kind: "user", id: 7, key: "k" }, granted, expiresAt: now + 1000 });
  now += 1000;
  expect(tokens.read(token)).toBeUndefined();
});

test("what is like a token that was read is none", () => {
  const token = issue();
  expect(tokens.read(token)).toBeDefined();
  const [body = "", mac = ""] = token.split(".");
  const claims = JSON.parse(Buffer.from(body, "base64url").toString());
  const longer = Buffer.from(JSON.stringify({ ...claims, exp: now + 9e9 })).toString("base64url");
  const changed = `${mac.startsWith("A") ? "B" : "A"}${mac.slice(1)}`;
  for (const text of [`${longer}.${mac}`, `${body}.${changed}`, `${token}.`, `${token} `, body, ""])
    expect(tokens.read(text)).toBeUndefined();
});

test("however many are read, each is told from the others", () => {
  const all = Array.from({ length: 5000 }, (_, id) =>
    tokens.issue({ subject: { kind: "token", id: String(id) }, granted, expiresAt: now + 1000 }),
  );
  for (let turn = 0; turn < 2; turn++)
    for (const [id, token] of all.entries())
      expect(tokens.read(token)?.subject).toEqual({ kind: "token", id: String(id) });
  expect(new AccessTokens("key", "other.test", () => now).read(all[0] ?? "")).toBeUndefined();
});
