import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  readFileSync,
  renameSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { tryShareLock } from "@cpm/system";
import { failpointsIn } from "../failpoints.ts";
import type { AgentProcess } from "./agent-process.ts";
import { AgentSite } from "./agent-site.ts";
import { entriesOf, faultsOfDirectory, treesOf } from "./packages-directory.ts";

const fast = ["--scrub-every", "1s", "--scrub-rate", "1GB"];
const files = { "payload/run.sh": "#!/bin/sh\n", "payload/data": "some data", "payload/more/deep": "deep" };
let site: AgentSite;
let path = "";
/** Lines of the log before a test are not its own. */
let since = 0;
beforeEach(() => {
  since = site.agent.log.length;
});
beforeAll(async () => {
  site = await AgentSite.open(fast);
  path = await install("rise/tools");
}, 60_000);
afterAll(async () => {
  await site.close();
});

async function start(args: readonly string[], environment = {}): Promise<AgentProcess> {
  since = 0;
  return site.start(args, environment);
}

async function install(name: string): Promise<string> {
  await site.universe.publish(name, "1.0.0", { files: { ...files, "payload/name": name } });
  const selector = { case: "range", value: "1.0.0" } as const;
  const { installed } = await site.client().ensure({ package: { name, selector } });
  return installed?.path ?? "";
}

/** As a disk would do it, whatever the rights. */
function harm(root: string, damage: (path: string) => void): void {
  Bun.spawnSync(["chmod", "-R", "u+w", root]);
  damage(root);
  Bun.spawnSync(["chmod", "-R", "u-w", root]);
}

const anotherByte = (root: string): void => harm(root, (of) => writeFileSync(join(of, "payload/data"), "some dada"));
const treeOf = (root: string): string => `sha256:${/[0-9a-f]{64}/.exec(root)?.[0]}`;

async function logged(event: string, fields: Readonly<Record<string, unknown>>): Promise<void> {
  const fits = (line: Readonly<Record<string, unknown>>) =>
    line["event"] === event && Object.entries(fields).every(([key, value]) => line[key] === value);
  await until(
    () => site.agent.log.slice(since).some(fits),
    () => `no ${event} in ${JSON.stringify(site.agent.log.slice(-20))}`,
  );
}

async function metric(line: string): Promise<number> {
  const text = await (await fetch(`http://${site.agent.watchPoint}/metrics`)).text();
  const found = text.split("\n").find((each) => each.startsWith(`${line} `));
  return Number(found?.slice(line.length + 1));
}

/** What a disk or a person may do to a tree. */
const damages: Readonly<Record<string, (path: string) => void>> = {
  "another byte": (path) => writeFileSync(join(path, "payload/data"), "some dada"),
  "a file that is gone": (path) => unlinkSync(join(path, "payload/more/deep")),
  "a file too many": (path) => writeFileSync(join(path, "payload/extra"), ""),
  "a file that is a program now": (path) => chmodSync(join(path, "payload/data"), 0o777),
  "a symlink in the place of a file": (path) => {
    renameSync(join(path, "payload/data"), join(path, "payload/moved"));
    symlinkSync("moved", join(path, "payload/data"));
  },
  "a listing that was shortened": (path) => {
    chmodSync(join(path, "../tree.json"), 0o644);
    truncateSync(join(path, "../tree.json"), 100);
  },
};

test("trees that are damaged in any way are found, told and made whole at their paths", async () => {
  const paths = await Promise.all(Object.keys(damages).map((_, at) => install(`rise/damaged-${at}`)));
  const events = site.client().watch();
  await events.next();
  for (const [at, damage] of Object.values(damages).entries()) harm(paths[at] ?? "", damage);
  const healed: unknown[] = [];
  while (healed.length < paths.length) {
    // oxlint-disable-next-line no-await-in-loop -- in the order in which they come
    const { value } = await events.next();
    expect(value?.event).toMatchObject({ case: "damaged", value: { healed: true } });
    healed.push(value?.event.value);
  }
  await events.return(undefined);
  for (const path of paths) expect(readFileSync(join(path, "payload/data"), "utf8")).toBe("some data");
  for (const path of paths) await logged("damaged", { what: "tree", digest: treeOf(path) });
  expect(await metric(`cpm_agent_scrub_damaged_total{what="tree"}`)).toBe(paths.length);
  expect(await metric("cpm_agent_damaged_trees")).toBe(0);
  expect([faultsOfDirectory(site.root), entriesOf(site.root, "staging")]).toEqual([[], []]);
}, 120_000);

test("what another program placed is fetched by its name and version", async () => {
  unlinkSync(join(site.root, "records/rise/tools/1.0.0.json"));
  anotherByte(path);
  await logged("healing", { tree: treeOf(path), outcome: "healed" });
  expect(readFileSync(join(path, "payload/data"), "utf8")).toBe("some data");
}, 120_000);

test("a damaged blob is removed, and no tree is made from one", async () => {
  const blobs = entriesOf(site.root, "blobs/sha256");
  const blob = blobs.map((each) => join(site.root, "blobs/sha256", each)).at(-1) ?? "";
  chmodSync(blob, 0o644);
  truncateSync(blob, 10);
  await logged("damaged", { what: "blob", digest: `sha256:${blob.slice(-64)}` });
  await until(() => !existsSync(blob));
}, 120_000);

test("what somebody uses is told at once and healed when it is let go", async () => {
  const lock = tryShareLock(join(site.root, "locks", treeOf(path).slice(7)));
  const inUse = join(path, "payload/data");
  anotherByte(path);
  await logged("healing", { tree: treeOf(path), code: "agent/held" });
  expect(readFileSync(inUse, "utf8")).toBe("some dada");
  expect(await metric("cpm_agent_damaged_trees")).toBe(1);
  lock?.release();
  await logged("healing", { tree: treeOf(path), outcome: "healed" });
  expect(readFileSync(inUse, "utf8")).toBe("some data");
}, 120_000);

test("without a registry a damaged tree stays where it is, and is healed once there is one", async () => {
  const unavailable = { answer: "HTTP/1.1 503 Away\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", times: 1000 };
  site.network.faults.push(unavailable);
  // Its layers have to be fetched too, so that the registry is needed for all of it.
  anotherByte(path);
  await logged("healing", { tree: treeOf(path), outcome: "failed" });
  expect(readFileSync(join(path, "payload/name"), "utf8")).toBe("rise/tools");
  site.network.faults.length = 0;
  await logged("healing", { tree: treeOf(path), outcome: "healed" });
  expect(readFileSync(join(path, "payload/data"), "utf8")).toBe("some data");
}, 120_000);

describe("an agent that is killed while it scrubs", () => {
  const steps = ["scrub/blob-removed", "scrub/progress-written", "heal/tree-replaced"];

  test("has a kill point for every step that has a name", () => {
    const named = failpointsIn("apps/agent/src", "packages/store/src");
    expect(new Set(steps)).toEqual(new Set(named.filter((step) => /^(scrub|heal)\//.test(step))));
  });

  test.each(steps)(
    "at %s leaves whole things and damaged ones, and the next one heals these",
    async (step) => {
      const blob = join(site.root, "blobs/sha256", entriesOf(site.root, "blobs/sha256")[0] ?? "");
      await site.agent.end("SIGKILL");
      anotherByte(path);
      chmodSync(blob, 0o644);
      writeFileSync(blob, "no archive");
      const failing = await start(fast, { CPM_TEST: "1", CPM_FAILPOINT: step });
      expect((await failing.ended).signalCode).toBe("SIGKILL");
      expect(readFileSync(join(path, "payload/name"), "utf8")).toBe("rise/tools");
      await start(fast);
      await intact();
    },
    120_000,
  );

  test("goes on where the round stood", async () => {
    await site.agent.end("SIGKILL");
    const trees = treesOf(site.root).toSorted();
    const [first = "", last = ""] = [trees[0], trees.at(-1)];
    // A round that has come to the second tree, and of which nothing else will begin for an hour.
    const progress = { startedAtMs: Date.now() - 1000, after: `trees/sha256/${trees[1]}`, damaged: [] };
    writeFileSync(join(site.root, "scrub.json"), JSON.stringify(progress));
    const files = [first, last].map((tree) => join(site.root, "trees/sha256", tree, "root/payload/data"));
    for (const file of files) {
      chmodSync(file, 0o644);
      writeFileSync(file, "some dada");
      chmodSync(file, 0o444);
    }
    await start(["--scrub-every", "1h", "--scrub-rate", "1GB"]);
    await logged("healing", { tree: `sha256:${last}`, outcome: "healed" });
    await until(() => !readFileSync(join(site.root, "scrub.json"), "utf8").includes("after"));
    expect(files.map((file) => readFileSync(file, "utf8"))).toEqual(["some dada", "some data"]);
    await site.agent.end("SIGTERM");
    await start(fast);
    await intact();
  }, 120_000);
});

/** Waits until all is as it should be. */
async function intact(): Promise<void> {
  await until(() => faultsOfDirectory(site.root).length === 0 && entriesOf(site.root, "staging").length === 0);
}

async function until(holds: () => boolean, otherwise = () => faultsOfDirectory(site.root).join()): Promise<void> {
  for (let tries = 0; tries < 1200; tries++) {
    if (holds()) return;
    // oxlint-disable-next-line no-await-in-loop -- until it does
    await Bun.sleep(50);
  }
  throw new Error(otherwise());
}
