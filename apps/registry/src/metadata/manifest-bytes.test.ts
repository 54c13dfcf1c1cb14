import { expect, test } from "bun:test";
import { digestOf } from "@cpm/store";
import { ManifestBytes } from "./manifest-bytes.ts";

const entries = [1, 2, 3, 4].map((value) => {
  const bytes = new Uint8Array(10).fill(value);
  return { digest: digestOf(bytes), bytes };
});

test("keeps what was asked for last, within its bytes", () => {
  const kept = new ManifestBytes(30);
  const has = () => entries.map(({ digest }) => kept.get(digest) !== undefined);
  for (const { digest, bytes } of entries.slice(0, 3)) kept.add(digest, bytes);
  const [first, , , last] = entries;
  if (first === undefined || last === undefined) throw new Error("there are four");
  expect(kept.get(first.digest)).toBe(first.bytes);
  kept.add(last.digest, last.bytes);
  expect(has()).toEqual([true, false, true, true]);
});

test("counts what is added twice once, and keeps nothing that is larger than it may be", () => {
  const kept = new ManifestBytes(25);
  const [first, second] = entries;
  if (first === undefined || second === undefined) throw new Error("there are four");
  for (let turn = 0; turn < 5; turn++) kept.add(first.digest, first.bytes);
  kept.add(second.digest, second.bytes);
  expect(kept.get(first.digest)).toBe(first.bytes);
  const large = new Uint8Array(26);
  kept.add(digestOf(large), large);
  expect(kept.get(digestOf(large))).toBeUndefined();
  kept.add(second.digest, second.bytes);
  expect(kept.get(second.digest)).toBe(second.bytes);
});
