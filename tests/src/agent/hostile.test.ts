import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openAgent } from "@cpm/agent-client";
import type { Agent } from "@cpm/agent-client";
import { hostileArchives } from "@cpm/archive/testing";
import { propertyFactor } from "@cpm/base/testing";
import { startAgentProcess } from "./agent-process.ts";
import type { AgentProcess } from "./agent-process.ts";
import { faultOf } from "./agent-site.ts";
import { CraftedRegistry } from "./crafted-registry.ts";
import type { CraftedLayer } from "./crafted-registry.ts";
import { entriesOf, faultsOfDirectory, refsOf, treesOf } from "./packages-directory.ts";

/** All of them are tried by the unpacker's own suite; through a whole agent some of each kind, and all in a campaign. */
const stride = Math.max(1, Math.round(12 / propertyFactor));

const folder = mkdtempSync(join(tmpdir(), "cpm-hostile-agent-"));
const root = join(folder, "packages");
const canary = join(folder, "canary");
const socket = join(folder, "agent.sock");
const registry = new CraftedRegistry();
let agent: AgentProcess;
let client: Agent;
beforeAll(async () => {
  mkdirSync(canary);
  writeFileSync(join(canary, "file"), "untouched");
  symlinkSync("file", join(canary, "link"));
  agent = await startAgentProcess({ root, socket, registry: registry.host });
  client = openAgent({ socket, root, clientName: "core", clientVersion: "0" });
});
afterAll(async () => {
  client.close();
  await agent.end("SIGKILL");
  await registry.stop();
  Bun.spawnSync(["chmod", "-R", "u+w", folder]);
  rmSync(folder, { recursive: true, force: true });
});

interface Hostile extends CraftedLayer {
  readonly name: string;
  readonly code: string;
}

function compressed(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Bun.zstdCompressSync(bytes));
}

/** What is refused for another reason when it comes as a layer, whose declared sizes are checked as well. */
const elsewhere: Readonly<Record<string, string>> = {
  "no bytes at all": "zstd/total-too-large",
  "a file over its limit": "archive/truncated",
};

const archives = hostileArchives
  .map(({ name, build, expect: expected }, at): Hostile => {
    const tar = build();
    // A harmless one has another number of entries than is declared.
    const code = elsewhere[name] ?? ("code" in expected ? expected.code : "layer/entries");
    const bytes = compressed(tar.length === 0 ? new Uint8Array(1) : tar);
    return { name: `rise/hostile-${at}`, bytes, contentBytes: tar.length, entries: 1000, code };
  })
  .filter((_, at) => at % stride === 0);
/** A few bytes that become fifty million: in one frame, and in fifty. */
const zeros = new Uint8Array(50_000_000);
const frame = compressed(zeros.subarray(0, 1_000_000));
const frames = new Uint8Array(50 * frame.length);
for (let at = 0; at < frames.length; at += frame.length) frames.set(frame, at);
const bombs: readonly Hostile[] = [
  { name: "rise/bomb-1", bytes: compressed(zeros), contentBytes: 2048, entries: 1, code: "zstd/frame-too-large" },
  { name: "rise/bomb-50", bytes: frames, contentBytes: 2048, entries: 1, code: "zstd/total-too-large" },
];

test("packages that attack who unpacks them fail one request each, and nobody else sees anything of it", async () => {
  await registry.add("rise/honest");
  for (const each of [...archives, ...bombs])
    // oxlint-disable-next-line no-await-in-loop -- they are packed with the same files
    await registry.add(each.name, each);
  const events = client.watch();
  await events.next();
  const held = await client.holdPackage("rise/honest@1.0.0");
  expect((await events.next()).value?.event).toMatchObject({ case: "installed", value: { name: "rise/honest" } });
  const outside = listed(folder);

  const outcomes = await Promise.all(
    [...archives, ...bombs].map(async ({ name, code }) => {
      const selector = { case: "range", value: "1.0.0" } as const;
      const fault = await faultOf(client.ensure({ package: { name, selector } }));
      expect(readFileSync(join(held.path, "payload/x"), "utf8")).toBe("x");
      return fault.code === code ? [] : [`${name}: ${fault.code} in place of ${code}`];
    }),
  );
  expect(outcomes.flat()).toEqual([]);
  expect(listed(folder)).toEqual(outside);
  expect([readFileSync(join(canary, "file"), "utf8"), readdirSync(canary)]).toEqual(["untouched", ["file", "link"]]);
  expect([refsOf(root), treesOf(root).length, entriesOf(root, "staging")]).toEqual([["rise/honest/1.0.0"], 1, []]);
  expect(faultsOfDirectory(root)).toEqual([]);

  // The same process, to the same client, with nothing told in between.
  await registry.add("rise/next");
  await client.ensure({ package: { name: "rise/next", selector: { case: "range", value: "1.0.0" } } });
  expect((await events.next()).value?.event).toMatchObject({ case: "installed", value: { name: "rise/next" } });
  await events.return(undefined);
  await held.release();
}, 600_000);

/** All there is, but for what is kept of a package whether it is good or not: its bytes, records and locks. */
function listed(path: string): readonly string[] {
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((name) => !/^packages\/(blobs|ingest|locks|records|cache)\//.test(name))
    .toSorted();
}
