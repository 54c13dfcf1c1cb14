import { describe, expect, test } from "bun:test";
import { ChangeWatch } from "./change-watch.ts";

const longMs = 3_600_000;
const never = new AbortController().signal;

function watchOf(hasMore: (place: number) => Promise<boolean> = async () => false, maxWaiting = 10) {
  const failures: unknown[] = [];
  return { failures, watch: new ChangeWatch({ hasMore, maxWaiting, onFailure: (error) => failures.push(error) }) };
}

describe("who waits for changes", () => {
  test("is woken by a change of this process, also by one that came before the wait", async () => {
    const { watch } = watchOf();
    const waits = [1, 2].map((place) => watch.wait(place, watch.turn, longMs, never));
    const { turn } = watch;
    watch.wake();
    await Promise.all(waits);
    await watch.wait(1, turn, longMs, never);
  });

  test("is woken by what another process wrote, about which one question is asked for all", async () => {
    const asked: number[] = [];
    const { watch, failures } = watchOf(async (place) => {
      asked.push(place);
      if (asked.length === 1) throw new Error("the database is away");
      return true;
    });
    await Promise.all([7, 3, 5].map((place) => watch.wait(place, watch.turn, longMs, never)));
    expect(asked).toEqual([3, 3]);
    expect(failures).toHaveLength(1);
  });

  test("ends with its time, its request, or the registry", async () => {
    const { watch } = watchOf();
    await watch.wait(1, watch.turn, 1, never);
    const gone = new AbortController();
    const waiting = watch.wait(1, watch.turn, longMs, gone.signal);
    gone.abort();
    await waiting;
    await watch.wait(1, watch.turn, longMs, gone.signal);
    const last = watch.wait(1, watch.turn, longMs, never);
    watch.end();
    await last;
    await watch.wait(1, watch.turn, longMs, never);
  });

  test("is refused when there are too many, until one has left", async () => {
    const { watch } = watchOf(undefined, 2);
    const gone = new AbortController();
    const waits = [gone.signal, never].map((signal) => watch.wait(1, watch.turn, longMs, signal));
    await expect(watch.wait(1, watch.turn, longMs, never)).rejects.toMatchObject({
      code: "registry-server/too-many-waiting",
      context: { retryAfterS: 5 },
    });
    gone.abort();
    await waits[0];
    const next = watch.wait(1, watch.turn, longMs, never);
    watch.end();
    await Promise.all([next, ...waits]);
  });
});
