import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
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

/** Two clocks that go on together until one is set. */
function createClocks() {
  const clock = { ms: 0, setMs: 1_000_000, boot: "first" };
  const steady = {
    now: () => clock.ms,
    get boot() {
      return clock.boot;
    },
  };
  return { clock, clocks: { now: () => clock.setMs + clock.ms, steady } };
}

function openBook(root = join(scratch, `r${count++}`)) {
  const { clock, clocks } = createClocks();
  return { root, clock, book: new LeaseBook(root, clocks), reopen: () => new LeaseBook(root, clocks) };
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
    const { book, reopen, clock } = openBook();
    const kept = book.acquire({ id: "", durationMs: 9000, purpose: "why" }, trees, caller);
    book.acquire(request("short", 1), [first], caller);
    clock.ms += 10;
    const again = reopen();
    expect([again.count, again.holdersOf(second)]).toEqual([1, 1]);
    expect(again.renew(kept.id, 9000, caller)).toMatchObject({ purpose: "why", trees, ownerUid: 1000 });
  });

  const year = 365 * 24 * 60 * 60_000;
  test.each([
    ["forward", year],
    ["back", -year],
  ])("keeps a lease as long as it was taken for when the time of day is set %s", (_, stepMs) => {
    const { book, reopen, clock } = openBook();
    book.acquire(request("x", 1000), [first], caller);
    clock.setMs += stepMs;
    clock.ms += 900;
    // In the process that gave it, when it is renewed, and in the next process of the same boot.
    for (const each of [book, reopen()]) expect([each.count, each.holdersOf(first)]).toEqual([1, 1]);
    const { expiresAtMs } = book.renew("x", 1000, caller);
    expect(expiresAtMs).toBe(clock.setMs + clock.ms + 1000);
    clock.ms += 900;
    for (const each of [book, reopen()]) expect(each.holdersOf(first)).toBe(1);
    clock.ms += 100;
    for (const each of [book, reopen()]) expect(each.holdersOf(first)).toBe(0);
  });

  test("goes by the time of day after a boot, and never for longer than a lease was taken for", () => {
    const { book, reopen, clock, root } = openBook();
    book.acquire(request("x", 5000), [first], caller);
    book.acquire(request("y", 1000), [first], caller);
    Object.assign(clock, { boot: "second", setMs: clock.setMs + 2000, ms: 0 });
    expect([reopen().holdersOf(first), readdirSync(join(root, "leases"))]).toEqual([1, ["x.json"]]);
    // A machine without a clock of its own begins long ago.
    Object.assign(clock, { boot: "third", setMs: -10 * year });
    const again = reopen();
    clock.ms = 4999;
    expect(again.holdersOf(first)).toBe(1);
    clock.ms = 5000;
    expect(again.holdersOf(first)).toBe(0);
  });

  test("reads a lease that an older agent wrote", () => {
    const { reopen, root, clock } = openBook();
    const lease = { id: "old", expiresAtMs: clock.setMs + 1000, trees: [first], purpose: "", ownerUid: 1000 };
    writeFileSync(join(root, "leases/old.json"), JSON.stringify(lease));
    expect(reopen().holdersOf(first)).toBe(1);
    clock.ms = 1000;
    expect(reopen().holdersOf(first)).toBe(0);
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
