import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isCpmError, parseDigest } from "@cpm/base";
import { LeaseBook } from "./lease-book.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-leases-"));
afterAll(() => rmSync(scratch, { recursive: true }));
let count = 0;

const trees = ["a", "b"].map((digit) => parseDigest(`sha256:${digit.repeat(64)}`));
const [first = parseDigest("sha256:"), second = first] = trees;
const caller = { uid: 1000, administrator: false };
const request = (id: string, durationMs = 1000) => ({ id, durationMs, purpose: "" });

function openBook(root = join(scratch, `r${count++}`)) {
  const clock = { ms: 1_000_000 };
  return { root, clock, book: new LeaseBook(root, () => clock.ms) };
}

/** The code of the error that is thrown; undefined when none is. */
function codeOf(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    return isCpmError(error) ? error.code : String(error);
  }
  return undefined;
}

describe("a book of leases", () => {
  test("holds trees until the lease's time is over, and then forgets it", () => {
    const { book, clock, root } = openBook();
    book.acquire(request("x"), [first], caller);
    book.acquire(request("x"), [second], caller);
    book.acquire(request("y", 5000), [first], caller);
    expect([book.holdersOf(first), book.holdersOf(second)]).toEqual([2, 1]);
    clock.ms += 1000;
    expect([book.holdersOf(first), book.holdersOf(second)]).toEqual([1, 0]);
    expect(codeOf(() => book.renew("x", 1000, caller))).toBe("agent/no-lease");
    expect(book.release("x", caller)).toBe(false);
    expect(readdirSync(join(root, "leases"))).toEqual(["y.json"]);
  });

  test("is the same after it is opened again, without what has expired", () => {
    const { book, root, clock } = openBook();
    const kept = book.acquire({ id: "", durationMs: 9000, purpose: "why" }, trees, caller);
    book.acquire(request("short", 1), [first], caller);
    const again = new LeaseBook(root, () => clock.ms + 10);
    expect([again.count, again.holdersOf(second)]).toEqual([1, 1]);
    expect(again.renew(kept.id, 9000, caller)).toMatchObject({ purpose: "why", trees, ownerUid: 1000 });
  });

  test("is changed by the owner of a lease and by administrators", () => {
    const { book } = openBook();
    book.acquire(request("x"), [first], caller);
    const other = { uid: 1001, administrator: false };
    for (const change of [
      () => book.acquire(request("x"), [first], other),
      () => book.renew("x", 1, other),
      () => book.release("x", other),
    ])
      expect(codeOf(change)).toBe("agent/lease-owner");
    expect(book.renew("x", 2000, { uid: 0, administrator: true }).ownerUid).toBe(1000);
  });

  test("has limits", () => {
    const { book } = openBook();
    const many = Array.from({ length: 1001 }, (_, index) => parseDigest(`sha256:${String(index).padStart(64, "0")}`));
    expect(codeOf(() => book.acquire(request("x"), many, caller))).toBe("agent/lease-limit");
  });
});
