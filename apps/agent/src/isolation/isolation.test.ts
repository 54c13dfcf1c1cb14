import { expect, test } from "bun:test";
import { isolationOfThisMachine, missing, requireIsolation } from "./isolation.ts";

test("what a machine lacks is said in sentences", () => {
  expect(missing("linux", 7, true)).toEqual([]);
  expect(missing("linux", 0, true)).toEqual([expect.stringContaining("no Landlock")]);
  expect(missing("linux", 2, true)).toEqual([expect.stringContaining("version 2")]);
  expect(missing("linux", 4, false)).toEqual([
    expect.stringContaining("signals"),
    expect.stringContaining("no seccomp"),
  ]);
  expect(missing("darwin", 0, false)).toEqual([expect.stringContaining("On darwin")]);
});

test("a machine that lacks something is refused where all is required", () => {
  const isolation = isolationOfThisMachine();
  expect(() => requireIsolation({ ...isolation, missing: [] })).not.toThrow();
  expect(() => requireIsolation({ ...isolation, missing: ["This kernel has no Landlock."] })).toThrow(
    expect.objectContaining({ code: "agent/isolation-missing", message: "This kernel has no Landlock." }),
  );
});
