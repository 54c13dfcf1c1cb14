import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AgentSite, faultOf } from "./agent-site.ts";
import { faultsOfDirectory, ingestedBytesOf, refsOf } from "./packages-directory.ts";
import { largestLayer, noise } from "./payload.ts";
import type { Layer } from "./payload.ts";
import { SmallDisk } from "./small-disk.ts";
import { stopped } from "./stopped.ts";

const diskBytes = 12_000_000;
const contentBytes = 2_000_000;
/** What is to be met here is a disk that nobody makes room on. */
const flags = ["--min-free", "500kB", "--high-water", "off"];
const possible = canMount();
if (!possible) process.stderr.write("a full disk is not tried: this process may not mount one\n");

let site: AgentSite;
let disk: SmallDisk;
beforeAll(async () => {
  if (!possible) return;
  site = await AgentSite.open(flags, (root) => {
    const mounted = SmallDisk.mount(root, diskBytes);
    if (mounted === undefined) throw new Error("the disk could not be mounted");
    disk = mounted;
  });
  const { universe } = site;
  await universe.publish("rise/small", "1.0.0", { files: { "payload/small.txt": "small" } });
  await universe.publish("rise/fetched", "1.0.0", { files: { "payload/noise": noise(contentBytes) } });
  await universe.publish("rise/unpacked", "1.0.0", { files: { "payload/noise": noise(contentBytes) } });
  await universe.publish("rise/huge", "1.0.0", { files: { "payload/noise": noise(diskBytes) } });
});
afterAll(async () => {
  if (!possible) return;
  disk.close();
  await site.close();
});

const layerOf = (name: string): Promise<Layer> => largestLayer(site.universe.registry.host, name, "1.0.0");
const ranges = ({ path }: Layer) =>
  site.network.exchanges
    .filter((exchange) => exchange.path === path)
    .map(({ headers }) => Number(/^bytes=(\d+)-/.exec(headers["range"] ?? "")?.[1] ?? 0));

/** What a full disk does not hinder. */
async function expectEverythingElse(failed: string): Promise<void> {
  const agent = site.client();
  const held = await agent.holdPackage("rise/small@1.0.0");
  expect(readFileSync(join(held.path, "payload/small.txt"), "utf8")).toBe("small");
  const { outcome } = await agent.resolve({ package: { name: "rise/small" } });
  expect(outcome).toMatchObject({ case: "installed", value: { path: held.path } });
  expect((await agent.ensure(exactly("rise/small"))).present).toBe(true);
  await held.release();
  expect(readdirSync(join(site.root, "staging"))).toEqual([]);
  expect(refsOf(site.root)).not.toContain(`${failed}/1.0.0`);
}

const exactly = (name: string) => ({ package: { name, selector: { case: "range", value: "1.0.0" } } }) as const;

describe.skipIf(!possible)("on a disk that", () => {
  test("is too small a package is refused before anything of it is fetched", async () => {
    await site.client().ensure(exactly("rise/small"));
    const error = await faultOf(site.client().ensure(exactly("rise/huge")));
    expect(error).toMatchObject({ code: "store/no-space", kind: "resource_exhausted" });
    expect(ranges(await layerOf("rise/huge"))).toEqual([]);
    await expectEverythingElse("rise/huge");
  });

  test("fills while a layer is fetched one request fails, and the next goes on where the first stood", async () => {
    const layer = await layerOf("rise/fetched");
    const full = Promise.withResolvers<void>();
    site.network.faults.push({ path: new RegExp(layer.path), cutResponseAfter: 500_000, cutWhen: full.promise });
    const failing = faultOf(site.client().ensure(exactly("rise/fetched")));
    while (ingestedBytesOf(site.root, layer.hex) < 500_000) await Bun.sleep(5);
    disk.fill(100_000);
    full.resolve();
    expect(await failing).toMatchObject({ code: "store/no-space", kind: "resource_exhausted" });
    await expectEverythingElse("rise/fetched");
    const kept = ingestedBytesOf(site.root, layer.hex);
    expect(kept).toBeGreaterThanOrEqual(500_000);
    const readiness = () => fetch(`http://${site.agent.watchPoint}/readyz`);
    expect((await readiness()).status).toBe(503);
    disk.fill(0);
    const { installed } = await site.client().ensure(exactly("rise/small"));
    const wanted = { lease: { purpose: "on a full disk" }, treeDigests: [installed?.treeDigest ?? ""] };
    expect(await faultOf(site.client().acquire(wanted))).toMatchObject({ code: "store/no-space" });

    disk.empty();
    expect((await readiness()).status).toBe(200);
    const asked = ranges(layer).length;
    expect(await site.client().ensure(exactly("rise/fetched"))).toMatchObject({ present: false });
    expect(ranges(layer).slice(asked)).toEqual([kept]);
    expect(faultsOfDirectory(site.root)).toEqual([]);
  }, 60_000);

  test("fills while a package is unpacked one request fails, and the next fetches nothing again", async () => {
    const layer = await layerOf("rise/unpacked");
    await site.agent.end("SIGTERM");
    // The second layer of the package is the last step before it is unpacked.
    await site.start(flags, { CPM_TEST: "1", CPM_FAILPOINT: "blob/renamed:2:pause" });
    const failing = faultOf(site.client().ensure(exactly("rise/unpacked")));
    await stopped(site.agent.pid);
    disk.fill(500_000);
    process.kill(site.agent.pid, "SIGCONT");
    expect(await failing).toMatchObject({ code: "store/no-space", kind: "resource_exhausted" });
    await expectEverythingElse("rise/unpacked");

    disk.empty();
    expect(await site.client().ensure(exactly("rise/unpacked"))).toMatchObject({ present: false });
    expect(ranges(layer)).toEqual([0]);
    expect(faultsOfDirectory(site.root)).toEqual([]);
  }, 60_000);
});

function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "cpm-mount-"));
  const mounted = SmallDisk.mount(folder, 1_000_000);
  mounted?.close();
  rmSync(folder, { recursive: true, force: true });
  return mounted !== undefined;
}
