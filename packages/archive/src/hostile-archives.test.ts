import { describe, expect, test } from "bun:test";
import { isCpmError } from "@cpm/base";
import { defaultArchiveLimits } from "./tar-entry.ts";
import { TarReader } from "./tar-reader.ts";
import { hostileArchives } from "./testing/hostile-archives.ts";

const limits = { ...defaultArchiveLimits, maxEntries: 1000, maxFileBytes: 2 ** 32 };

function outcome(bytes: Uint8Array, chunkBytes: number): string {
  const reader = new TarReader({ entry() {}, data() {}, entryEnd() {} }, limits);
  try {
    for (let at = 0; at < bytes.length; at += chunkBytes) reader.write(bytes.subarray(at, at + chunkBytes));
    reader.end();
    return "accepted";
  } catch (error) {
    if (isCpmError(error)) return error.code;
    throw error;
  }
}

describe("hostile archives", () => {
  for (const { id, name, build, expect: expected } of hostileArchives) {
    test(`case ${id}: ${name}`, () => {
      const bytes = build();
      const wanted = "code" in expected ? expected.code : "accepted";
      expect(outcome(bytes, bytes.length + 1)).toBe(wanted);
      // The answer does not depend on how the bytes arrive (case 62).
      expect(outcome(bytes, 511)).toBe(wanted);
      if (bytes.length < 20_000) expect(outcome(bytes, 1)).toBe(wanted);
    });
  }

  test("every cause has its own code", () => {
    const codes = new Set(hostileArchives.flatMap((entry) => ("code" in entry.expect ? [entry.expect.code] : [])));
    expect(codes.size).toBeGreaterThanOrEqual(45);
  });
});
