import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readReleaseStatus } from "@cpm/operations";
import { describeOnColonies, startEmbedded } from "../colonies/colony-under-test.ts";
import { demoResources } from "./demo-package.ts";
import { failpointsIn } from "../failpoints.ts";
import { endOf, errorOf, inParallel, Lab, nothing, wholeDemo } from "./lab.ts";
import type { CommandEnd } from "./lab.ts";

/** Where an install is killed, and how often it passes there. */
const installPoints: Readonly<Record<string, number>> = {
  "blob/written": 1,
  "blob/synced": 1,
  "blob/renamed": 1,
  "node/staging-made": 1,
  "node/layer-unpacked": 2,
  "node/tree-unpacked": 1,
  "node/tree-synced": 1,
  "node/tree-renamed": 1,
  "node/tree-published": 1,
  "node/ref-created": 1,
  "node/ref-renamed": 1,
  "install/placed": 1,
  "install/revision-created": 1,
  "install/submitting": demoResources,
  "install/resource-created": demoResources,
  "install/resource-recorded": demoResources,
  "install/deployed": 1,
};
const begins = (name: string): boolean => name.startsWith("install/") && name !== "install/placed";
const uninstallPoints = ["uninstall/begun", "uninstall/removed"];
/** Passed only by an install that finds what another left; it has a test of its own. */
const takeOverPoint = "install/taken-over";

const kills = Object.entries(installPoints).flatMap(([name, times]) =>
  Array.from({ length: times }, (_, index) => ({ name, index, times, point: `${name}:${index + 1}` })),
);
/** The server sees nothing of what happens on the node, and between two resources the steps are the same. */
const killsOnServer = kills.filter(
  ({ name, index, times }) => name.startsWith("install/") && (index === 0 || index === 2 || index === times - 1),
);
const finishing = ["install", "uninstall"] as const;
const width = 3;

test("every failpoint is one that a test kills at", () => {
  const killed = [...Object.keys(installPoints), ...uninstallPoints, takeOverPoint].toSorted();
  const named = failpointsIn("packages/operations/src", "packages/store/src");
  // Only an agent heals, and lets trees share files.
  expect(named.filter((step) => !/^(heal|share)\//.test(step))).toEqual(killed);
});

describeOnColonies("a killed client", (start) => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.open(start);
  }, 300_000);
  afterAll(async () => lab?.close());

  const kill = async (args: readonly string[], point: string, packages: string): Promise<CommandEnd> => {
    const end = await endOf(lab.spawn(args, lab.environment(packages, { CPM_TEST: "1", CPM_FAILPOINT: point })));
    expect([point, end.signal, end.stderr]).toEqual([point, "SIGKILL", expect.any(String)]);
    return end;
  };
  const killInstall = async (release: string, point: string): Promise<string> => {
    const packages = lab.fresh("packages");
    await kill(["install", lab.demo, "--name", release], point, packages);
    return packages;
  };
  const explain = async (release: string) => readReleaseStatus(release, lab.context());

  describe("at every step of an install", () => {
    for (const how of finishing) {
      test(`leaves what status explains and ${how} finishes`, async () => {
        const all = start === startEmbedded ? kills : killsOnServer;
        // Before the revision is there, there is nothing to uninstall.
        const points = how === "install" ? all : all.filter(({ name }) => begins(name));
        const jobs = points.map((entry, index) => ({
          ...entry,
          release: `${how}-${index}`,
        }));
        await inParallel(width, jobs, async ({ name, point, release }) => {
          const packages = await killInstall(release, point);
          const begun = begins(name);
          if (begun) await expectExplained(release, name === "install/deployed");
          else expect((await errorOf(explain(release))).code).toBe("release/not-found");
          if (how === "install") await finishByInstall(release, packages, name === "install/deployed");
          else await lab.uninstall(release);
          const left = how === "install" ? wholeDemo(release) : nothing;
          expect({ point, ...(await lab.census(release)) }).toMatchObject({ point, ...left });
        });
      }, 300_000);
    }

    const expectExplained = async (release: string, deployed: boolean): Promise<void> => {
      const { revision, explanation } = await explain(release);
      expect(revision.status.phase).toBe(deployed ? "deployed" : "pending-install");
      expect(explanation).toMatch(
        deployed
          ? /^Installed; under way: /
          : new RegExp(
              `began to install it and last wrote at .*\`cpm install\` finishes it and \`cpm uninstall ${release}\``,
            ),
      );
    };
    const finishByInstall = async (release: string, packages: string, deployed: boolean): Promise<void> => {
      if (deployed) expect((await errorOf(lab.install(release, { packages }))).code).toBe("release/exists");
      else await lab.install(release, { packages });
      const { revision, resources } = await explain(release);
      expect([release, revision.status.phase]).toEqual([release, "deployed"]);
      expect(resources.map(({ kind, state }) => `${kind} ${state.state}`)).toEqual([
        "BlueprintDefinition active",
        "Blueprint active",
        "Function waiting",
        "Workflow waiting",
        "Generator active",
        "Cron active",
      ]);
    };
  });

  test("that had taken over another's work leaves nothing to be submitted again", async () => {
    await inParallel(2, finishing, async (how) => {
      const release = `heir-${how}`;
      // All that can be adopted is there, and the heir dies before the earlier revision has let go of it.
      const packages = await killInstall(release, `install/resource-recorded:${demoResources}`);
      await kill(["install", lab.demo, "--name", release], takeOverPoint, packages);
      if (how === "install") await lab.install(release, { packages });
      else await lab.uninstall(release);
      expect(await lab.census(release)).toMatchObject(how === "install" ? wholeDemo(release) : nothing);
    });
  }, 120_000);

  test("in the middle of an uninstall leaves what another one or an install finishes", async () => {
    const jobs = uninstallPoints.flatMap((point) => finishing.map((how) => ({ point, how })));
    await inParallel(width, jobs, async ({ point, how }) => {
      const release = `un-${point.slice("uninstall/".length)}-${how}`;
      await lab.install(release);
      await kill(["uninstall", release], point, lab.fresh("packages"));
      const { revision, explanation } = await explain(release);
      expect(revision.status.phase).toBe("uninstalling");
      expect(explanation).toContain(`\`cpm uninstall ${release}\` finishes it`);
      if (how === "install") await lab.install(release);
      else await lab.uninstall(release);
      const { submitted: _all, ...whole } = wholeDemo(release);
      expect(await lab.census(release)).toMatchObject(how === "install" ? whole : nothing);
    });
  }, 120_000);

  test("is explained by the commands that a person has", async () => {
    const packages = await killInstall("words", "install/resource-recorded:3");
    const status = await lab.cpm(["status", "words"]);
    expect(status.stdout).toContain("words revision 1, pending-install: tests/demo@1.0.0");
    expect(status.stdout).toContain("If that client has died, `cpm install` finishes it");
    const again = await lab.cpm(["install", lab.demo, "--name", "words"], { CPM_PACKAGES: packages });
    expect([again.stderr, again.status]).toEqual([expect.any(String), 0]);
    expect(again.stdout).toContain("installed words (tests/demo@1.0.0, revision 2)");
    expect(await lab.census("words")).toEqual(wholeDemo("words"));
  }, 120_000);
});
