import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lockfileName } from "@cpm/model";
import { openWorkplace } from "../cli/workplace.ts";
import type { Workplace } from "../cli/workplace.ts";
import { Site } from "./site.ts";

let place: Workplace;
let site: Site;
let project: string;
let env: Record<string, string>;

beforeAll(async () => {
  [place, site] = [await openWorkplace(), await Site.open()];
  const lock = await site.publishPipeline();
  project = site.universe.sketch("me/app", "0.1.0", { dependencies: { "rise/pipe": "^2" } });
  env = { CPM_REGISTRY: site.universe.registry.host };
  expect(lock.packages).toHaveLength(2);
  expect((await place.cpm(["lock", project], { env })).status).toBe(0);
});
afterAll(async () => {
  await place.stop();
  await site.close();
});

const cpm = async (line: string) => place.cpm(line.split(" "), { env });

describe("cpm bundle", () => {
  test("create writes a file and does not replace one (cli/exists)", async () => {
    const made = await cpm(`bundle create ${project} -o app.bundle --json`);
    expect([made.status, JSON.parse(made.stdout)]).toMatchObject([0, { packages: 2, needs: [] }]);
    const again = await cpm(`bundle create ${project} -o app.bundle --json`);
    expect([again.status, again.stderr]).toEqual([6, expect.stringContaining("cli/exists")]);
    const before = readFileSync(join(place.folder, "app.bundle"));
    const forced = await cpm(`bundle create ${join(project, lockfileName)} -o app.bundle --force`);
    expect([forced.status, forced.stdout]).toEqual([0, expect.stringContaining("2 packages in app.bundle")]);
    expect(readFileSync(join(place.folder, "app.bundle")).equals(before)).toBe(true);
    expect(place.leftovers()).toEqual([]);
  });

  test("inspect and verify show what is in it", async () => {
    const shown = await cpm("bundle inspect app.bundle");
    for (const part of ["rise/pipe", "2.0.0", "rise/tools", "linux/amd64, linux/arm64"])
      expect(shown.stdout).toContain(part);
    const data = JSON.parse((await cpm("bundle inspect app.bundle --json")).stdout);
    expect(data).toMatchObject([
      {
        packages: [
          { name: "rise/pipe", evidence: 1 },
          { name: "rise/tools", evidence: 1 },
        ],
      },
    ]);
    const verified = await cpm("bundle verify app.bundle");
    expect([verified.status, verified.stdout]).toEqual([
      0,
      expect.stringContaining("is whole: 2 packages, 2 signatures"),
    ]);
  });

  test("verify ends with 7 and both digests when a byte is another", async () => {
    const bytes = readFileSync(join(place.folder, "app.bundle"));
    const at = bytes.indexOf("cpm/bundle/v1");
    bytes[at] = 0x43;
    writeFileSync(join(place.folder, "flipped.bundle"), bytes);
    const { status, stderr } = await cpm("bundle verify flipped.bundle");
    expect(status).toBe(7);
    expect(stderr.match(/sha256:[0-9a-f]{64}/g)?.length ?? 0).toBeGreaterThanOrEqual(2);
    expect(stderr).toContain("flipped.bundle");
  });

  test("create takes parts, other bundles and platforms; inspect tells of them", async () => {
    const thin = await cpm(`bundle create ${project} -o thin.bundle --without app.bundle --json`);
    expect(JSON.parse(thin.stdout)).toMatchObject({ contents: 0 });
    expect((await cpm("bundle verify thin.bundle")).status).toBe(6);
    expect((await cpm("bundle verify thin.bundle --from app.bundle")).status).toBe(0);
    const split = await cpm(`bundle create ${project} -o split.bundle --split 64KiB --platform linux/amd64`);
    expect([split.status, existsSync(join(place.folder, "split.bundle.part1of1"))]).toEqual([0, true]);
    expect((await cpm("bundle inspect split.bundle.part1of1")).stdout).toContain("linux/amd64 only");
  });

  test.each([
    ["bundle pack x", "no `cpm bundle pack`"],
    ["bundle crate x", 'Did you mean "create"'],
    ["bundle create .", "where to write is not said"],
    ["bundle create . -o x.bundle --split large", '--split cannot be "large"'],
    ["bundle verify", "no bundle is named"],
    ["bundle verify app.bundle --split 4GB", "takes no --split"],
    ["bundle push app.bundle --to not/host", "not host[:port]"],
    ["tree . --from app.bundle", "cannot both be shown"],
  ])("says what is wrong with cpm %s", async (line, said) => {
    const { status, stderr } = await cpm(line);
    expect([status, stderr]).toEqual([2, expect.stringContaining(said)]);
  });

  test("push copies to the registry that is named", async () => {
    const pushed = await cpm(`bundle push app.bundle --to ${place.registry.host} --json`);
    expect([pushed.status, JSON.parse(pushed.stdout)]).toMatchObject([
      0,
      {
        packages: [
          { name: "rise/tools", present: false },
          { name: "rise/pipe", present: false },
        ],
      },
    ]);
    const info = await place.cpm(["info", "rise/pipe", "--json"]);
    expect(JSON.parse(info.stdout)).toMatchObject({ registry: place.registry.host });
  });

  test("serve shows it as a registry until it is interrupted", async () => {
    const child = place.spawn(["bundle", "serve", "app.bundle", "--json"], { env });
    const reader = child.stdout.getReader();
    let text = "";
    while (!text.includes("}")) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`it ended: ${await new Response(child.stderr).text()}`);
      text += new TextDecoder().decode(value);
    }
    const { registry } = JSON.parse(text) as { registry: string };
    const resolved = await place.cpm(["resolve", "rise/pipe", "--json"], { env: { CPM_REGISTRY: registry } });
    expect(JSON.parse(resolved.stdout)).toHaveLength(2);
    child.kill("SIGINT");
    expect(await child.exited).toBe(0);
  });
});

test("install --from refuses a registry that is not the bundle's", async () => {
  const { status, stderr } = await place.cpm(["install", "rise/pipe", "--from", "app.bundle", "--dry-run"]);
  expect([status, stderr]).toEqual([7, expect.stringContaining(place.registry.host)]);
});

test("with no network, an empty home and an empty cache, everything works from the bundle", async () => {
  await site.universe.registry.stop();
  const bundle = join(place.folder, "app.bundle");
  const namespace = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--"];
  const isolated = Bun.which("ip") !== null && Bun.spawnSync([...namespace, "true"]).exitCode === 0;
  if (!isolated) process.stderr.write("no network namespace can be made here: the registry is stopped instead\n");
  const script = [process.execPath, join(import.meta.dir, "isolated-main.ts"), bundle, project];
  const child = Bun.spawnSync([...(isolated ? namespace : []), ...script, ...(isolated ? ["isolated"] : [])]);
  const { interfaces, steps } = JSON.parse(child.stdout.toString()) as {
    interfaces: string[];
    steps: { line: string; status: number; stdout: string; stderr: string }[];
  };
  if (isolated) expect(interfaces).toEqual(["lo"]);
  for (const { line, status, stderr } of steps) expect([line, status, stderr]).toEqual([line, 0, expect.any(String)]);
  const of = (line: string) => steps.find((step) => step.line.startsWith(line))?.stdout ?? "";
  expect(of("lock")).toContain("nothing changed");
  expect(of("tree")).toContain("rise/tools@1.0.0");
  expect(JSON.parse(of("info"))).toMatchObject({ versions: [{ version: "2.0.0" }] });
  expect((JSON.parse(of("list")) as unknown[]).length).toBe(2);
  expect(readdirSync(project)).toContain(lockfileName);
}, 120_000);
