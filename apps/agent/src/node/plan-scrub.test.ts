import { expect, test } from "bun:test";
import { leftOfRound, planScrub } from "./plan-scrub.ts";

const day = 24 * 3_600_000;
const names = ["trees/sha256/b", "blobs/sha256/a", "trees/sha256/a", "blobs/sha256/c"];

test("what a node has when it is first asked is read a round later", () => {
  const progress = planScrub(undefined, 5 * day, 30 * day);
  expect(progress).toEqual({ startedAtMs: 5 * day, after: undefined, damaged: [] });
  expect(leftOfRound(names, progress)).toEqual([]);
  expect(planScrub(progress, 35 * day - 1, 30 * day).after).toBeUndefined();
  expect(leftOfRound(names, planScrub(progress, 35 * day, 30 * day))).toEqual(names.toSorted());
});

test("a round goes on where it stood, and keeps what is damaged", () => {
  const progress = { startedAtMs: 0, after: "blobs/sha256/c", damaged: ["trees/sha256/b"] };
  expect(planScrub(progress, 400 * day, 30 * day)).toEqual(progress);
  expect(leftOfRound(names, progress)).toEqual(["trees/sha256/a", "trees/sha256/b"]);
});

test("a clock that was set back begins no round and hides none", () => {
  const progress = { startedAtMs: 100 * day, after: undefined, damaged: [] };
  const set = planScrub(progress, 10 * day, 30 * day);
  expect(set).toEqual({ startedAtMs: 10 * day, after: undefined, damaged: [] });
  expect(planScrub(set, 40 * day, 30 * day).after).toBe("");
});
