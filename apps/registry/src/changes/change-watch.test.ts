import { describe, expect, test } from "bun:test";
import { ChangeWatch } from "./change-watch.ts";

const longMs = 3_600_000;
const never = new AbortController().signal;

function watchOf(hasMore: (place: number) => Promise<boolean> = async () => false, maxWaiting = 10) {
  const failures: unknown[] = [];
  const onFailure = (error: unknown) => void failures.push(error);
  const watch = new ChangeWatch({ hasMore, maxWaiting, maxWaitingOfAddress: 5, onFailure });
  const wait = (place: number, turn: number, waitMs: number, signal: AbortSignal, address = "here") =>
    watch.wait({ place, turn, waitMs, signal, address });
  return { failures, watch, wait };
}

describe("who waits for changes", () => {
  test("is woken by a change of this process, also by one that came before the wait", async () => {
    const { watch, wait } = watchOf();
    const waits = [1, 2].map((place) => wait(place, watch.turn, longMs, never));
    const { turn } = watch;
    watch.wake();
    await Promise.all(waits);
    await wait(1, turn, longMs, never);
  });

  test("is woken by what another process wrote, about which one question is asked for all", async () => {
    const asked: number[] = [];
    const { watch, wait, failures } = watchOf(async (place) => {
      asked.push(place);
      if (asked.length === 1) throw new Error("the database is away");
      return true;
    });
    await Promise.all([7, 3, 5].map((place) => wait(place, watch.turn, longMs, never)));
    expect(asked).toEqual([3, 3]);
    expect(failures).toHaveLength(1);
  });

  test("ends with its time, its request, or the registry", async () => {
    const { watch, wait } = watchOf();
    await wait(1, watch.turn, 1, never);
    const gone = new AbortController();
    const waiting = wait(1, watch.turn, longMs, gone.signal);
    gone.abort();
    await waiting;
    await wait(1, watch.turn, longMs, gone.signal);
    const last = wait(1, watch.turn, longMs, never);
    watch.end();
    await last;
    await wait(1, watch.turn, longMs, never);
  });

  test("is refused when there are too many, until one has left", async () => {
    const { watch, wait } = watchOf(undefined, 2);
    const gone = new AbortController();
    const waits = [gone.signal, never].map((signal) => wait(1, watch.turn, longMs, signal));
    await expect(wait(1, watch.turn, longMs, never)).rejects.toMatchObject({
      code: "registry-server/too-many-waiting",
      context: { retryAfterS: 5 },
    });
    gone.abort();
    await waits[0];
    const next = wait(1, watch.turn, longMs, never);
    watch.end();
    await Promise.all([next, ...waits]);
  });

  test("is refused when too many of one address wait, and others are not", async () => {
    const { watch, wait } = watchOf();
    const waits = Array.from({ length: 5 }, () => wait(1, watch.turn, longMs, never, "greedy"));
    await expect(wait(1, watch.turn, longMs, never, "greedy")).rejects.toMatchObject({
      code: "registry-server/too-many-waiting",
      message: "5 requests wait for changes, 5 of them from greedy",
    });
    const other = wait(1, watch.turn, longMs, never);
    watch.end();
    await Promise.all([other, ...waits]);
  });
});
