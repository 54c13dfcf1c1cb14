import { expect, test } from "bun:test";
import { parseSizeBytes } from "./units.ts";

test.each([
  ["0B", 0],
  ["700MB", 700_000_000],
  ["4GB", 4_000_000_000],
  ["1.5 kB", 1500],
  ["64KiB", 65_536],
  ["2TiB", 2 ** 41],
  ["4", undefined],
  ["GB", undefined],
  ["-1GB", undefined],
  ["4gb", undefined],
  ["1iB", undefined],
  ["9999999999TB", undefined],
] as const)("%s is a size, or none", (text, sizeBytes) => expect(parseSizeBytes(text)).toBe(sizeBytes));
