import { describe, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { editDistance } from "@cpm/base";
import fc from "fast-check";
import similarNamesMigration from "../database/migrations/sqlite/0015-similar-names.sql" with { type: "text" };
import { isSeries, lookOf, mistypingsOf, stemOf } from "./resemblance.ts";

describe("names that look the same", () => {
  test.each([
    ["rise/word-count", "rise/wordcount"],
    ["rise/w0rdcount", "rise/wordcount"],
    ["r-ise/tool-1", "rise/tooll"],
    ["rise/0-1", "rise/ol"],
  ])("%s and %s", (one, other) => expect(lookOf(one)).toBe(lookOf(other)));

  test.each([
    ["rise/wordcount", "rise/wordcounts"],
    ["rise/step-1", "rise/step-2"],
    ["rise/tail", "rise/tall"],
    ["a/bc", "ab/c"],
  ])("are not %s and %s", (one, other) => expect(lookOf(one)).not.toBe(lookOf(other)));
});

describe("the number at the end", () => {
  test.each([
    ["rise2/tool", "rise/tool"],
    ["rise/tool-2", "rise/tool"],
    ["rise/tool10", "rise/tool"],
    ["rise/2tool", "rise/2tool"],
    ["rise/7", "rise/7"],
  ])("of %s leaves %s", (one, other) => expect(stemOf(one)).toBe(other));

  test("makes a series, unless it looks like a letter", () => {
    expect(isSeries("step-1", "step-2")).toBe(true);
    expect(isSeries("step", "step-2")).toBe(true);
    expect(isSeries("step-1", "step-l")).toBe(false);
    expect(isSeries("step1", "step-1")).toBe(false);
    expect(isSeries("step-a", "step-b")).toBe(false);
  });
});

describe("mistypings", () => {
  test("are what is one mistake away, each once, and not the text itself", () => {
    const found = mistypingsOf("web");
    for (const text of ["wb", "webs", "web-", "wen", "ewb", "wbe", "xweb"]) expect(found).toContain(text);
    for (const text of ["web", "w", "webss", "bew"]) expect(found).not.toContain(text);
    expect(new Set(found).size).toBe(found.length);
  });

  test("are all within one edit, and the other way round too", () => {
    const name = fc.string({ unit: fc.constantFrom(..."ab1-"), minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(name, name, (one, other) => {
        expect(mistypingsOf(one).includes(other)).toBe(one !== other && editDistance(one, other) <= 1);
      }),
    );
  });
});

test("what was published before is told apart by the same rules: the migration computes them too", () => {
  const [update] = /UPDATE packages[^;]+;/.exec(similarNamesMigration) ?? [""];
  const database = new Database(":memory:");
  database.run("CREATE TABLE packages (name TEXT, namespace TEXT, bare_name TEXT, look TEXT, stem TEXT)");
  const part = fc.stringMatching(/^[a-z01]{1,4}(-[a-z0129]{1,3}){0,2}$/);
  fc.assert(
    fc.property(part, part, (namespace, bare) => {
      database.run("DELETE FROM packages");
      const name = `${namespace}/${bare}`;
      database.run("INSERT INTO packages (name, namespace, bare_name) VALUES (?, ?, ?)", [name, namespace, bare]);
      database.run(update);
      expect(database.query("SELECT look, stem FROM packages").get()).toEqual({
        look: lookOf(name),
        stem: stemOf(name),
      });
    }),
  );
});
