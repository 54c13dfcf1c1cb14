import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readReleaseStatus } from "@cpm/operations";
import { describeOnColonies, startEmbedded } from "../colonies/colony-under-test.ts";
import { until } from "../colonies/until.ts";
import { endOf, inParallel, Lab, nothing, wholeDemo } from "./lab.ts";
import type { CommandEnd } from "./lab.ts";

/** Where a client falls silent. `submitting` is between its question and its submission: the narrowest place. */
const places = [
  "install/revision-created:1",
  ...[1, 2, 3, 4, 5, 6].flatMap((turn) => [
    `install/submitting:${turn}`,
    `install/resource-created:${turn}`,
    `install/resource-recorded:${turn}`,
  ]),
];
const placesOnServer = [
  "install/revision-created:1",
  "install/submitting:3",
  "install/submitting:6",
  "install/resource-created:4",
];
const width = 3;

describeOnColonies("a client that was silent and wakes up", (start) => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.open(start);
  }, 300_000);
  afterAll(async () => lab?.close());
  const paused = start === startEmbedded ? places : placesOnServer;

  /** Pauses an install at a place, does something else in the colony meanwhile, and lets the install go on. */
  const whilePaused = async (
    release: string,
    point: string,
    meanwhile: (packages: string) => Promise<unknown>,
  ): Promise<CommandEnd> => {
    const packages = lab.fresh("packages");
    const pausing = { CPM_TEST: "1", CPM_FAILPOINT: point, CPM_FAILPOINT_SIGNAL: "SIGSTOP" };
    const child = lab.spawn(["install", lab.demo, "--name", release, "--json"], lab.environment(packages, pausing));
    try {
      await until(
        () => stateOf(child.pid),
        (state) => state.startsWith("T") || child.exitCode !== null,
      );
      expect([point, child.exitCode]).toEqual([point, null]);
      await meanwhile(packages);
    } finally {
      child.kill("SIGCONT");
    }
    return endOf(child);
  };
  const codeOf = (end: CommandEnd): string => /"code": ?"([^"]+)"/.exec(end.stderr + end.stdout)?.[1] ?? end.stderr;

  test("after another took over leaves exactly what the other has", async () => {
    const jobs = paused.map((point, index) => ({ point, release: `over-${index}` }));
    await inParallel(width, jobs, async ({ point, release }) => {
      const end = await whilePaused(release, point, (packages) => lab.install(release, { packages }));
      const { submitted: _all, ...whole } = wholeDemo(release);
      expect({ point, ...(await lab.census(release)) }).toMatchObject({ point, ...whole });
      expect([point, end.status, codeOf(end)]).toEqual([
        point,
        6,
        expect.stringMatching(/^release\/taken-over$|^colony\/name-taken$/),
      ]);
      const { revision, resources } = await readReleaseStatus(release, lab.context());
      expect([point, revision.record.revision, revision.status.phase]).toEqual([point, 2, "deployed"]);
      expect(resources.map(({ state }) => state.state)).toEqual([
        "active",
        "active",
        "waiting",
        "waiting",
        "active",
        "active",
      ]);
    });
  }, 300_000);

  test("submits nothing when it wakes between two resources", async () => {
    const end = await whilePaused("between", "install/resource-recorded:3", (packages) =>
      lab.install("between", { packages }),
    );
    expect(codeOf(end)).toBe("release/taken-over");
    expect(await lab.census("between")).toEqual(wholeDemo("between"));
  }, 60_000);

  for (const purge of [false, true]) {
    test(`after an uninstall${purge ? " with --purge" : ""} leaves nothing`, async () => {
      const jobs = paused.map((point, index) => ({ point, release: `gone-${purge ? "p" : "u"}-${index}` }));
      await inParallel(width, jobs, async ({ point, release }) => {
        const end = await whilePaused(release, point, () => lab.uninstall(release, purge));
        expect({ point, ...(await lab.census(release)) }).toMatchObject({ point, ...nothing });
        expect([point, end.status, codeOf(end)]).toEqual([point, 6, "release/taken-over"]);
      });
    }, 300_000);
  }

  test("and an heir that dies before it has looked through what was left: the next install finishes both", async () => {
    const packages = lab.fresh("packages");
    const first = { CPM_TEST: "1", CPM_FAILPOINT: "install/submitting:3" };
    const install = ["install", lab.demo, "--name", "both"];
    await endOf(lab.spawn(install, lab.environment(packages, first)));
    await endOf(lab.spawn(install, lab.environment(packages, { ...first, CPM_FAILPOINT: "install/revision-created" })));
    await lab.install("both", { packages });
    expect(await lab.census("both")).toEqual(wholeDemo("both"));
  }, 60_000);
});

describe("pausing", () => {
  test("is seen", async () => {
    const child = Bun.spawn(["sleep", "60"]);
    child.kill("SIGSTOP");
    await until(
      () => stateOf(child.pid),
      (state) => state.startsWith("T"),
    );
    child.kill("SIGKILL");
    await child.exited;
  });
});

function stateOf(pid: number): string {
  return Bun.spawnSync(["ps", "-o", "state=", "-p", String(pid)])
    .stdout.toString()
    .trim();
}
