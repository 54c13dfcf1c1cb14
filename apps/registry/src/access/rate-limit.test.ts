import { expect, test } from "bun:test";
import { RateLimit } from "./rate-limit.ts";

test("so many at once, and as many again in a minute, for each key", () => {
  let now = 0;
  const limit = new RateLimit(6, () => now);
  for (let turn = 0; turn < 6; turn++) expect(limit.take("a")).toBe(0);
  expect(limit.take("a")).toBe(10);
  expect(limit.wait("a")).toBe(10);
  expect(limit.take("b")).toBe(0);
  now += 9_999;
  expect(limit.take("a")).toBe(1);
  now += 1;
  expect(limit.take("a")).toBe(0);
  expect(limit.take("a")).toBe(10);
  now += 3_600_000;
  for (let turn = 0; turn < 6; turn++) expect(limit.take("a")).toBe(0);
  expect(limit.take("a")).toBe(10);
});

test("of endless keys a bounded number is remembered, and those in use are", () => {
  const limit = new RateLimit(1, () => 0);
  limit.take("first");
  limit.take("busy");
  for (let key = 0; key < 20_000; key++) {
    limit.take(String(key));
    if (key % 100 === 0) expect(limit.take("busy")).toBe(60);
  }
  expect(limit.take("first")).toBe(0);
});
