import { expect, test } from "bun:test";
import type { ErrorKind } from "./errors.ts";
import { exitStatus, exitStatuses } from "./exit-status.ts";

test.each<[kind: ErrorKind, status: number]>([
  ["unknown", 1],
  ["internal", 1],
  ["unavailable", 1],
  ["unimplemented", 1],
  ["resource_exhausted", 1],
  ["invalid_argument", 2],
  ["out_of_range", 2],
  ["unauthenticated", 4],
  ["not_found", 5],
  ["already_exists", 6],
  ["failed_precondition", 6],
  ["aborted", 6],
  ["permission_denied", 7],
  ["data_loss", 7],
  ["deadline_exceeded", 8],
  ["cancelled", 130],
])("%s ends with %i, which is documented", (kind, status) => {
  expect(exitStatus(kind)).toBe(status);
  expect(exitStatuses.map(([documented]) => documented)).toContain(status);
});

test("the documented statuses are those of the design, each once", () => {
  expect(exitStatuses.map(([status]) => status)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 130]);
});
