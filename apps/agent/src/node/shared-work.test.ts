import { describe, expect, test } from "bun:test";
import { isCpmError } from "@cpm/base";
import { SharedWork } from "./shared-work.ts";

const never = new AbortController().signal;
const quiet = (): void => {};

/** Work that ends when it is told to, and says when it was stopped. */
function controlled<T>() {
  const result = Promise.withResolvers<T>();
  const state = { begun: 0, stopped: 0, report: quiet as (progress: number) => void };
  const work = async (report: (progress: number) => void, signal: AbortSignal): Promise<T> => {
    state.begun++;
    state.report = report;
    signal.addEventListener("abort", () => {
      state.stopped++;
      result.reject(signal.reason);
    });
    return result.promise;
  };
  return { ...result, state, work };
}

describe("work that is shared", () => {
  test("is done once for all who want it, and again for who comes later", async () => {
    const shared = new SharedWork<string, number>({ maxRunning: 1, maxWaiting: 1 });
    const { work, resolve, state } = controlled<string>();
    const told: number[] = [];
    const first = shared.join("a", work, (progress) => told.push(progress), never);
    const second = shared.join("a", work, (progress) => told.push(progress * 10), never);
    state.report(1);
    const third = shared.join("a", work, (progress) => told.push(progress * 100), never);
    resolve("done");
    expect(await Promise.all([first, second, third])).toEqual([
      { result: "done", joined: false },
      { result: "done", joined: true },
      { result: "done", joined: true },
    ]);
    expect([told, state.begun, shared.running]).toEqual([[1, 10, 100], 1, 0]);
    expect(await shared.join("a", async () => "new", quiet, never)).toEqual({ result: "new", joined: false });
  });

  test("goes on until the last one has left", async () => {
    const shared = new SharedWork<string, number>({ maxRunning: 1, maxWaiting: 1 });
    const { work, state } = controlled<string>();
    const [one, two] = [new AbortController(), new AbortController()];
    const first = shared.join("a", work, quiet, one.signal).catch((error: unknown) => error);
    const second = shared.join("a", work, quiet, two.signal).catch((error: unknown) => error);
    one.abort("one");
    expect([await first, state.stopped]).toEqual(["one", 0]);
    two.abort("two");
    expect([await second, state.stopped]).toEqual(["two", 1]);
    const again = controlled<string>();
    const third = shared.join("a", again.work, quiet, never);
    again.resolve("anew");
    expect((await third).result).toBe("anew");
  });

  test("waits for its turn, in order, and not in any number", async () => {
    const shared = new SharedWork<string, number>({ maxRunning: 1, maxWaiting: 2 });
    const order: string[] = [];
    const { work, resolve } = controlled<string>();
    const first = shared.join("a", work, quiet, never);
    const gives = (name: string) => async () => (order.push(name), name);
    const leaving = new AbortController();
    const second = shared.join("b", gives("b"), quiet, leaving.signal).catch((error: unknown) => error);
    const third = shared.join("c", gives("c"), quiet, never);
    const refused = await shared.join("d", gives("d"), quiet, never).catch((error: unknown) => error);
    expect(isCpmError(refused, "agent/busy")).toBe(true);
    expect([shared.running, shared.waiting]).toEqual([1, 2]);
    leaving.abort("left");
    expect([await second, shared.waiting]).toEqual(["left", 1]);
    resolve("a");
    await Promise.all([first, third]);
    expect([order, shared.running, shared.waiting]).toEqual([["c"], 0, 0]);
  });

  test("fails for all who wait, and for nobody who comes later", async () => {
    const shared = new SharedWork<string, number>({ maxRunning: 2, maxWaiting: 1 });
    const { work, reject } = controlled<string>();
    const all = [1, 2].map(() => shared.join("a", work, quiet, never).catch((error: unknown) => error));
    reject("broken");
    expect(await Promise.all(all)).toEqual(["broken", "broken"]);
    expect((await shared.join("a", async () => "well", quiet, never)).result).toBe("well");
    const gone = AbortSignal.abort("gone");
    expect(await shared.join("a", async () => "well", quiet, gone).catch((error: unknown) => error)).toBe("gone");
  });
});
