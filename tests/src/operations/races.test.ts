import { afterAll, beforeAll, expect, test } from "bun:test";
import { isCpmError } from "@cpm/base";
import { ReleaseBook } from "@cpm/operations";
import { describeOnColonies, startEmbedded } from "../colonies/colony-under-test.ts";
import { endOf, Lab, nothing, systemClock, wholeDemo } from "./lab.ts";

const clients = 8;
const rounds = 10;
/** As long as a person's `cpm` waits: the clients here live. */
const silenceMs = 10_000;

describeOnColonies("clients at once", (start) => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.open(start);
    // The definition is shared, and so is not part of the race.
    await lab.install("first");
  }, 300_000);
  afterAll(async () => lab?.close());

  const phases = async (release: string) =>
    (await new ReleaseBook(lab.colony.client, systemClock).history(release)).map(({ status }) => status.phase);

  test("that install one release: one wins, the others are told, and one set is there", async () => {
    for (let round = 0; round < rounds; round++) {
      const release = `race-${round}`;
      // Some begin together, some while the first is at work.
      const attempts = Array.from({ length: clients }, async (_, index) => {
        await systemClock.sleep((index % 3) * 20 * (round % 4));
        return lab.install(release, { silenceMs });
      });
      const ends = await Promise.allSettled(attempts);
      const lost = ends.filter((end) => end.status === "rejected").map((end) => end.reason as unknown);
      expect([release, lost.length]).toEqual([release, clients - 1]);
      for (const error of lost) {
        if (!isCpmError(error)) throw error;
        expect(["release/busy", "release/exists"]).toContain(error.code);
        expect(error.hint).toMatch(/^(Wait for it|Choose another name)/);
      }
      expect(await lab.census(release)).toEqual(wholeDemo(release));
      expect(await phases(release)).toEqual(["deployed"]);
    }
  }, 300_000);

  test("as processes: one ends with 0, the others with 6 and what to do", async () => {
    const packages = lab.fresh("packages");
    const ends = await Promise.all(
      Array.from({ length: clients }, () =>
        endOf(lab.spawn(["install", lab.demo, "--name", "many"], lab.environment(packages))),
      ),
    );
    expect(ends.filter(({ status }) => status === 0)).toHaveLength(1);
    expect(ends.filter(({ status }) => status === 6)).toHaveLength(clients - 1);
    for (const { status, stderr } of ends) if (status === 6) expect(stderr).toMatch(/release\/(busy|exists)/);
    expect(await lab.census("many")).toEqual(wholeDemo("many"));
  }, 120_000);

  test("that install and uninstall end in what the newest revision says", async () => {
    for (let round = 0; round < rounds; round++) {
      const release = `both-${round}`;
      if (round % 2 === 0) await lab.install(release, { silenceMs });
      const jobs = [
        async () => lab.install(release, { silenceMs }),
        async () => lab.uninstall(release, false, { silenceMs }),
        async () => lab.install(release, { silenceMs }),
        async () => lab.uninstall(release, round % 3 === 0, { silenceMs }),
      ];
      const ends = await Promise.allSettled(
        jobs.map(async (job, index) => {
          await systemClock.sleep(((index + round) % 4) * 15);
          return job();
        }),
      );
      for (const end of ends) {
        if (end.status === "fulfilled") continue;
        const codes = ["release/busy", "release/exists", "release/not-found", "release/taken-over"];
        if (!isCpmError(end.reason) || !codes.includes(end.reason.code)) throw end.reason;
      }
      const { submitted: _all, ...whole } = wholeDemo(release);
      const newest = (await phases(release)).at(-1) ?? "none";
      const endings: Readonly<Record<string, object>> = { deployed: whole, uninstalled: nothing, none: nothing };
      const expected = endings[newest];
      expect({ release, newest, ...(await lab.census(release)) }).toMatchObject({ release, newest, ...expected });
      expect(expected).toBeDefined();
    }
  }, 300_000);

  test("a client that lives is not taken over, however long its work lasts", async () => {
    const release = "slow";
    const abort = new AbortController();
    const packages = lab.fresh("packages");
    const held = lab.install(release, {
      packages,
      signal: abort.signal,
      fetch: async (url, init) => {
        const { payloadtype } = JSON.parse(init.body) as { payloadtype: string };
        // Longer than a beat: only the beats tell that the client lives.
        if (payloadtype === "submitworkflowspecmsg") await systemClock.sleep(5000);
        return fetch(url, init);
      },
    });
    await systemClock.sleep(1000);
    const second = lab.install(release, { silenceMs }).catch((error: unknown) => error);
    expect(await second).toMatchObject({ code: "release/busy", message: expect.stringContaining("on lab (since ") });
    await held;
    expect(await lab.census(release)).toEqual(wholeDemo(release));
  }, 60_000);

  test("that uninstall one release all succeed", async () => {
    await lab.install("away");
    await Promise.all(Array.from({ length: 4 }, () => lab.uninstall("away")));
    expect(await lab.census("away")).toMatchObject(nothing);
    expect(await phases("away")).toEqual(["uninstalled"]);
  }, 60_000);

  if (start === startEmbedded) {
    test("of two releases of one package disturb one another in nothing", async () => {
      await Promise.all([lab.install("left"), lab.install("right")]);
      await lab.uninstall("left");
      expect(await lab.census("right")).toEqual(wholeDemo("right"));
      expect(await lab.census("left")).toMatchObject(nothing);
    }, 60_000);
  }
});
