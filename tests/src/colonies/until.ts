import { setTimeout as sleep } from "node:timers/promises";

const turns = 300;
const turnMs = 100;

/** Reads until the value fits. Bounded at half a minute, which only a failure uses up. */
export async function until<T>(read: () => T | Promise<T>, fits: (value: T) => boolean): Promise<T> {
  for (let turn = 0; turn < turns; turn++) {
    const value = await read();
    if (fits(value)) return value;
    await sleep(turnMs);
  }
  throw new Error(`it did not happen within ${(turns * turnMs) / 1000} seconds`);
}
