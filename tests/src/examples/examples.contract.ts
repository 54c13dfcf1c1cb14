import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DevSession } from "./dev-session.ts";

const examples = join(import.meta.dir, "../../../examples");
const texts = join(examples, "wordcount/payload/texts");

interface Installed {
  readonly results: readonly { readonly node: string; readonly state: string; readonly output: readonly unknown[] }[];
}

/** The example packages as a user has them: published, installed by name, looked at, taken away. */
export function describeExamples(name: string, upFlags: readonly string[]): void {
  describe(`the example packages on ${name}`, () => {
    let session: DevSession;
    beforeAll(async () => {
      session = new DevSession();
      await session.json("dev", "up", ...upFlags);
      for (const example of readdirSync(examples)) await session.json("publish", `./examples/${example}`);
    }, 600_000);
    afterAll(async () => session.close(), 60_000);

    test("are all found", async () => {
      const { total, results } = (await session.json("search")) as { total: number; results: { name: string }[] };
      expect(total).toBe(readdirSync(examples).length);
      expect(results.map((result) => result.name).toSorted()).toEqual(
        readdirSync(examples).map((example) => `examples/${example}`),
      );
    });

    test("hello greets with its inputs", async () => {
      const flags = ["--set", "who=Ada", "--set", "language=sv", "--set", "times=2", "--wait"];
      const installed = (await session.json("install", "examples/hello", ...flags)) as Installed;
      expect(installed.results).toMatchObject([{ state: "success", output: [{ greetings: 2, language: "sv" }] }]);
      const { stdout } = await session.cpm("logs", "hello");
      expect(stdout).toBe("execute | hej, Ada\nexecute | hej, Ada\n");
    }, 60_000);

    test("wordcount counts what an independent count counts", async () => {
      const flags = ["--set", "shards=3", "--set", "top=12", "--set", "minLength=3", "--wait"];
      const installed = (await session.json("install", "examples/wordcount", ...flags)) as Installed;
      const reduce = installed.results.find((result) => result.node === "reduce");
      expect(reduce).toMatchObject({ state: "success", output: [countWords(12, 3)] });
      expect(installed.results.filter((result) => result.node.startsWith("map-"))).toHaveLength(3);
    }, 60_000);

    test("nightly-report runs by the clock, and no more once it is uninstalled", async () => {
      await session.json("install", "examples/nightly-report", "--set", "schedule=* * * * * *", "--set", "title=Now");
      const line = await firstLine(() => session.cpm("logs", "nightly-report"));
      expect(line).toBe("report | Now");
      const { removed } = (await session.json("uninstall", "nightly-report")) as { removed: string[] };
      expect(removed).toContain("Cron report");
      const before = await countLines(session);
      await Bun.sleep(2500);
      expect(await countLines(session)).toBe(before);
    }, 60_000);

    test("sensor-twin keeps one blueprint for each sensor", async () => {
      await session.json("install", "examples/sensor-twin", "--set", "sensors=north,south,roof", "--set", "site=tower");
      const status = (await session.json("status", "sensor-twin")) as { resources: { kind: string; object: string }[] };
      const blueprints = status.resources.filter((resource) => resource.kind === "Blueprint");
      expect(blueprints.map((resource) => resource.object).toSorted()).toEqual([
        "cpm.sensor-twin.tower-north",
        "cpm.sensor-twin.tower-roof",
        "cpm.sensor-twin.tower-south",
      ]);
      expect(status.resources).toContainEqual(
        expect.objectContaining({ kind: "BlueprintDefinition", state: expect.objectContaining({ state: "active" }) }),
      );
      await session.json("uninstall", "sensor-twin", "--purge", "--yes");
      expect((await session.cpm("status", "sensor-twin")).status).toBe(5);
    }, 60_000);
  });
}

/** The same question, asked of the same texts in another language and another way. */
function countWords(top: number, shortest: number): unknown {
  const counts = new Map<string, number>();
  let words = 0;
  for (const file of readdirSync(texts)) {
    for (const word of readFileSync(join(texts, file), "utf8")
      .toLowerCase()
      .match(/[a-z']+/g) ?? []) {
      const bare = word.replace(/^'+|'+$/g, "");
      if (bare === "") continue;
      counts.set(bare, (counts.get(bare) ?? 0) + 1);
      words++;
    }
  }
  const named = [...counts]
    .filter(([word]) => word.length >= shortest)
    .toSorted(([left, a], [right, b]) => b - a || (left < right ? -1 : 1))
    .slice(0, top);
  return { words, distinct: counts.size, top: Object.fromEntries(named) };
}

async function firstLine(read: () => Promise<{ stdout: string }>): Promise<string> {
  for (let turn = 0; turn < 100; turn++) {
    const { stdout } = await read();
    if (stdout !== "") return stdout.split("\n")[0] ?? "";
    await Bun.sleep(200);
  }
  throw new Error("nothing was printed");
}

async function countLines(session: DevSession): Promise<number> {
  return (await session.cpm("logs", "nightly-report")).stdout.split("\n").length;
}
