import { expect, test } from "bun:test";
import { reportCapabilities } from "./report-capabilities.ts";

/** A colony that takes what it is told, unless it is away. */
function setUp() {
  const told: unknown[] = [];
  const failures: unknown[] = [];
  const state = { packages: ["a"], away: false };
  let changed = (): void => {};
  const stop = reportCapabilities({
    read: () => ({ software: [...state.packages] }),
    send: async (capabilities) => {
      if (state.away) throw new Error("away");
      told.push(capabilities);
    },
    listen: (callback) => {
      changed = callback;
      return () => (changed = () => {});
    },
    onFailure: (error) => failures.push(error),
    settleMs: 20,
  });
  return { told, failures, state, stop, change: () => changed() };
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds() && tries < 1000; tries++)
    // oxlint-disable-next-line no-await-in-loop -- until it does
    await Bun.sleep(20);
  expect(holds()).toBe(true);
}

test("what a node has is told at the start and after changes, several in one, and nothing twice", async () => {
  const { told, state, stop, change } = setUp();
  await until(() => told.length === 1);
  for (const name of ["b", "c"]) {
    state.packages.push(name);
    change();
  }
  await until(() => told.length === 2);
  change();
  await Bun.sleep(100);
  expect(told).toEqual([{ software: ["a"] }, { software: ["a", "b", "c"] }]);
  stop();
  state.packages.push("d");
  change();
  await Bun.sleep(60);
  expect(told).toHaveLength(2);
});

test("a colony that is away is told once it is back, and one failure of a row is told", async () => {
  const { told, failures, state, stop, change } = setUp();
  await until(() => told.length === 1);
  state.away = true;
  state.packages.push("b");
  change();
  await until(() => failures.length === 1);
  change();
  await Bun.sleep(60);
  state.away = false;
  await until(() => told.length === 2);
  expect([told.at(-1), failures.length]).toEqual([{ software: ["a", "b"] }, 1]);
  stop();
}, 30_000);
