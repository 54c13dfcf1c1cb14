import { describe, expect, test } from "bun:test";
import { collectBytes, concatBytes, sourceOf } from "./bytes.ts";
import { formatDiagnostic, locate } from "./diagnostic.ts";
import { createDigest, digestAlgorithm, digestHex, isDigest, parseDigest, shortDigest } from "./digest.ts";
import { createError, isCpmError, toErrorRecord } from "./errors.ts";
import { editDistance, nearest } from "./suggest.ts";
import { decodeUtf8, encodeUtf8, printable } from "./text.ts";
import { formatBytes, formatDuration, parseDuration } from "./units.ts";

const hex = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

describe("digests", () => {
  test("parse and their parts", () => {
    const digest = parseDigest(`sha256:${hex}`);
    expect([digestAlgorithm(digest), digestHex(digest), shortDigest(digest)]).toEqual(["sha256", hex, "44136fa355b3"]);
    expect(digestAlgorithm(createDigest("sha512", "ab".repeat(64)))).toBe("sha512");
  });

  test("other spellings are refused", () => {
    const refused = [
      hex,
      `sha256:${hex.toUpperCase()}`,
      `sha256:${hex}0`,
      `sha512:${hex}`,
      `sha256:${hex}\n`,
      `md5:${hex}`,
      "",
    ];
    expect(refused.filter(isDigest)).toEqual([]);
    expect(() => parseDigest("sha256:short")).toThrow('"sha256:short" is not a digest');
  });
});

describe("errors", () => {
  const table = { "demo/full": { kind: "resource_exhausted", title: "Full", hint: "Make room." } } as const;

  test("take kind and hint from their table", () => {
    const error = createError(table, "demo/full", "no room for 5 bytes", { context: { sizeBytes: 5 } });
    expect(toErrorRecord(error)).toEqual({
      code: "demo/full",
      kind: "resource_exhausted",
      message: "no room for 5 bytes",
      hint: "Make room.",
      context: { sizeBytes: 5 },
    });
    expect(isCpmError(error, "demo/full")).toBe(true);
    expect(isCpmError(error, "demo/other")).toBe(false);
    expect(isCpmError(new Error("demo/full"))).toBe(false);
  });

  test("what is not ours becomes internal", () => {
    expect(toErrorRecord(new RangeError("x")).code).toBe("internal/unexpected");
    expect(toErrorRecord("x").kind).toBe("internal");
  });
});

test("a diagnostic points at its place", () => {
  const text = "name: a/b\n\tverison: 1.2.0\n";
  const location = locate("colony.yaml", text, 11, 7);
  const shown = formatDiagnostic({
    code: "manifest/unknown-key",
    severity: "error",
    message: 'unknown key "verison"',
    hint: 'did you mean "version"?',
    location,
  });
  expect(shown).toBe(
    [
      'colony.yaml:2:2: error: unknown key "verison" [manifest/unknown-key]',
      "  2 | \tverison: 1.2.0",
      "    | \t^^^^^^^",
      '  hint: did you mean "version"?',
    ].join("\n"),
  );
});

test("a mark never runs past its line", () => {
  expect(locate("f", "ab\ncd", 1, 50).width).toBe(1);
  expect(locate("f", "ab", 2, 1)).toMatchObject({ line: 1, column: 3, width: 1 });
});

test("the nearest name is offered only when it is near", () => {
  expect(nearest("verison", ["version", "name"])).toBe("version");
  expect(nearest("Name", ["version", "name"])).toBe("name");
  expect(nearest("zzz", ["version", "name"])).toBeUndefined();
  expect(editDistance("ab", "ba")).toBe(1);
  expect(editDistance("kitten", "sitting")).toBe(3);
  expect(editDistance("kitten", "sitting", 2)).toBe(2);
});

test("text is UTF-8 or an error", () => {
  expect(decodeUtf8(encodeUtf8("å→😀"))).toBe("å→😀");
  expect(() => decodeUtf8(new Uint8Array([0xc3, 0x28]))).toThrow("not valid UTF-8");
  expect(printable("a\u001b[31m\u202eb")).toBe("a\\u{1b}[31m\\u{202e}b");
  expect(printable("x".repeat(5), 3)).toBe("xxx…");
});

test("a source is collected up to its limit", async () => {
  const parts = [new Uint8Array([1, 2]), new Uint8Array([3])];
  expect(await collectBytes(sourceOf(...parts), 3)).toEqual(concatBytes(parts));
  await expect(collectBytes(sourceOf(...parts), 2)).rejects.toThrow("more than the 2 bytes");
});

test("units", () => {
  expect([0, 999, 1000, 999_950, 1_234_567, 2e15].map(formatBytes)).toEqual([
    "0 B",
    "999 B",
    "1.0 kB",
    "1.0 MB",
    "1.2 MB",
    "2.0 PB",
  ]);
  expect([40, 1500, 93_500, 3_700_000].map(formatDuration)).toEqual(["40ms", "1.5s", "1m33s", "1h01m"]);
  expect(["90s", "1h30m", "1d", "250ms", "", "-1s", "5", "1w"].map(parseDuration)).toEqual([
    90_000,
    5_400_000,
    86_400_000,
    250,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});
