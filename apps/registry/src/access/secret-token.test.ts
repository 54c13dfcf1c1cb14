import { expect, test } from "bun:test";
import { createSecretToken, hashSecretToken, isSecretToken } from "./secret-token.ts";

test("a token is cpm_, 178 bits and a checksum that a scanner can tell it by", () => {
  const made = new Set(Array.from({ length: 500 }, createSecretToken));
  expect(made.size).toBe(500);
  for (const token of made) {
    expect(token).toMatch(/^cpm_[0-9A-Za-z]{36}$/);
    expect(isSecretToken(token)).toBe(true);
    const other = token[10] === "a" ? "b" : "a";
    expect(isSecretToken(token.slice(0, 10) + other + token.slice(11))).toBe(false);
  }
  expect(Math.log2(62) * 30).toBeGreaterThan(160);
  expect(isSecretToken("cpm_")).toBe(false);
});

test("every character comes as often as any other", () => {
  const counts = new Map<string, number>();
  for (let count = 0; count < 2000; count++)
    for (const character of createSecretToken().slice(4, 34)) counts.set(character, (counts.get(character) ?? 0) + 1);
  expect(counts.size).toBe(62);
  // 968 are expected of each; a bias of one in 62 · 4, as a byte modulo 62 has, would show as 1180.
  for (const count of counts.values()) expect(Math.abs(count - 968)).toBeLessThan(200);
});

test("what is kept of a token is its sha256", () => {
  expect(hashSecretToken("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});
