import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatYankMark, isNotice, maxNoticeLength, newestYankMark, readYankMark } from "./yank-mark.ts";
import type { YankMark } from "./yank-mark.ts";

const mark: YankMark = {
  yanked: true,
  reason: "Loses data.",
  by: "olga",
  atMs: Date.parse("2026-01-02T03:04:05.678Z"),
};

describe("a yank mark", () => {
  test("is read as it was written", () => {
    fc.assert(
      fc.property(
        fc.record({
          yanked: fc.boolean(),
          reason: fc.string({ unit: "grapheme", minLength: 1, maxLength: 100 }).filter(isNotice),
          by: fc.string({ unit: "grapheme-ascii", maxLength: 40 }),
          atMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
        }),
        (any) => expect(readYankMark(formatYankMark(any))).toEqual(any),
      ),
    );
    const silent = { ...mark, yanked: false, reason: "" };
    expect(readYankMark(formatYankMark(silent))).toEqual(silent);
  });

  test.each<[string, Readonly<Record<string, string>>]>([
    ["another state", { "org.colonyos.cpm.yank.state": "gone" }],
    ["no reason", { "org.colonyos.cpm.yank.reason": "" }],
    ["a blank reason", { "org.colonyos.cpm.yank.reason": "  " }],
    ["a reason of two lines", { "org.colonyos.cpm.yank.reason": "a\nb" }],
    ["a reason that is too long", { "org.colonyos.cpm.yank.reason": "x".repeat(maxNoticeLength + 1) }],
    ["a name that colours the terminal", { "org.colonyos.cpm.yank.by": "\u001b[31m" }],
    ["no time", { "org.opencontainers.image.created": "yesterday" }],
    ["a time of no day", { "org.opencontainers.image.created": "2026-02-31T25:00:00Z" }],
  ])("is none with %s", (_, change) => {
    expect(readYankMark({ ...formatYankMark(mark), ...change })).toBeUndefined();
  });

  test("is none without annotations", () => {
    expect(readYankMark()).toBeUndefined();
  });

  test("counts when it is the newest, whatever the order and whatever else is there", () => {
    const later = { ...mark, yanked: false, atMs: mark.atMs + 1 };
    const entries = [
      { digest: "sha256:b", annotations: formatYankMark(mark) },
      { digest: "sha256:a", annotations: formatYankMark(later) },
      { digest: "sha256:z" },
      { digest: "sha256:y", annotations: { "org.opencontainers.image.created": "2030-01-01T00:00:00Z" } },
    ];
    expect(newestYankMark(entries)).toEqual(later);
    expect(newestYankMark(entries.toReversed())).toEqual(later);
    expect(newestYankMark([])).toBeUndefined();
  });

  test("of the same moment counts by its digest, so that every reader says the same", () => {
    const other = { ...mark, yanked: false };
    const entries = [
      { digest: "sha256:a", annotations: formatYankMark(mark) },
      { digest: "sha256:b", annotations: formatYankMark(other) },
    ];
    expect(newestYankMark(entries)).toEqual(other);
    expect(newestYankMark(entries.toReversed())).toEqual(other);
  });
});
