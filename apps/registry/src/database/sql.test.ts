import { expect, test } from "bun:test";
import fc from "fast-check";
import { isSqlList, sql } from "./sql.ts";

const texts = fc.string().filter((text) => !text.includes("\0"));

test("values stay out of the text, whatever they hold", () => {
  fc.assert(
    fc.property(texts, fc.integer(), fc.array(texts), (text, number, list) => {
      const query = sql`SELECT ${text} WHERE a = ${number} AND b IN ${list}`;
      expect(query.parts).toEqual(["SELECT ", " WHERE a = ", " AND b IN ", ""]);
      expect(query.values).toEqual([text, number, list]);
    }),
  );
});

test("a query within a query is part of it, at either end and in another one too", () => {
  const name = sql`(SELECT id FROM names WHERE name = ${"a"})`;
  const both = sql`${name} AND x = ${1} AND ${sql`y = ${name}`}`;
  expect(both.parts).toEqual([
    "(SELECT id FROM names WHERE name = ",
    ") AND x = ",
    " AND y = (SELECT id FROM names WHERE name = ",
    ")",
  ]);
  expect(both.values).toEqual(["a", 1, "a"]);
  expect(sql`${sql``}${sql`a`}${sql``}`.parts).toEqual(["a"]);
});

test.each([
  [["a"], true],
  [[], true],
  ["a", false],
  [null, false],
  [new Uint8Array(1), false],
] as const)("%p is a list: %p", (value, expected) => {
  expect(isSqlList(value)).toBe(expected);
});
