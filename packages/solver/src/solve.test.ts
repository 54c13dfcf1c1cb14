import { describe, expect, test } from "bun:test";
import { createError } from "@cpm/base";
import { parseVersion } from "@cpm/model";
import { solve } from "./index.ts";
import type { Provider, SolveOptions } from "./index.ts";
import { parseUniverse, universeProvider } from "./testing/index.ts";
import type { ProviderShape } from "./testing/index.ts";

async function resolve(text: string, shape: ProviderShape = {}, more: Partial<Provider> & SolveOptions = {}) {
  const lines = text.split("\n").map((line) => line.trim());
  const universe = parseUniverse(lines.filter((line) => line !== ""));
  const provider = { ...universeProvider(universe, shape), ...more };
  const { packages } = await solve(universe.requirements, provider, { ...universe.options, ...more });
  return [...packages].map(([name, version]) => `${name} ${version.text}`).join("; ");
}

describe("locked versions", () => {
  const universe = `
    ? app ^1.0.0; text *
    app: 1.0.0 (text ^1.0.0; log ^1.0.0), 1.1.0 (text ^1.0.0; log ^1.0.0)
    text: 1.0.0, 1.1.0, 2.0.0
    log: 1.0.0, 1.1.0, 1.2.0
    ~ app 1.0.0; text 1.0.0; log 1.1.0`;

  test("stay, and nothing is listed for them", async () => {
    const asked: string[] = [];
    expect(await resolve(universe, { asked })).toBe("app 1.0.0; log 1.1.0; text 1.0.0");
    expect(asked.toSorted()).toEqual(["app 1.0.0", "log 1.1.0", "text 1.0.0"]);
  });

  test("an update moves the one that it names, within what the others allow", async () => {
    expect(await resolve(`${universe}\n% update text`)).toBe("app 1.0.0; log 1.1.0; text 1.1.0");
    expect(await resolve(`${universe}\n% update log`)).toBe("app 1.0.0; log 1.2.0; text 1.0.0");
  });

  test("an update moves another one only where the newest version needs it", async () => {
    const coupled = `
      ? app *; base *; log *
      app: 1.0.0 (base ^1.0.0), 2.0.0 (base ^2.0.0)
      base: 1.0.0, 1.1.0, 2.0.0, 2.1.0
      log: 1.0.0, 1.1.0
      ~ app 1.0.0; base 1.0.0; log 1.0.0
      % update app`;
    expect(await resolve(coupled)).toBe("app 2.0.0; base 2.1.0; log 1.0.0");
  });

  test("an update of a package further down takes back what was decided before it was met", async () => {
    const deep = `
      ? base *; way *
      way: 1.0.0 (app *)
      app: 1.0.0, 2.0.0 (base ^2.0.0)
      base: 1.0.0, 2.0.0
      ~ way 1.0.0; app 1.0.0; base 1.0.0
      % update app`;
    expect(await resolve(deep)).toBe("app 2.0.0; base 2.0.0; way 1.0.0");
  });

  test("may be yanked, young or no longer published", async () => {
    const gone = `
      ? text *; log *; old *
      text: 1.0.0, 1.1.0 yanked
      log: 1.0.0, 1.1.0 1m
      old: 2.0.0
      ~ text 1.1.0; log 1.1.0
      % minimum-age 1d`;
    expect(await resolve(gone)).toBe("log 1.1.0; old 2.0.0; text 1.1.0");
    const dependencies: Provider["dependencies"] = () => [];
    const locked = new Map([["old", parseVersion("1.0.0")]]);
    expect(await resolve(gone, {}, { dependencies, locked })).toStartWith("log 1.0.0; old 1.0.0");
  });

  test("a locked version that cannot be used any more gives way", async () => {
    expect(await resolve("? old *\nold: 2.0.0\n~ old 1.0.0")).toBe("old 2.0.0");
  });
});

describe("which versions may be chosen", () => {
  test("yanked: only when a requirement of the user pins it exactly", async () => {
    const universe = "a: 1.0.0 (b 2.0.0)\nb: 1.0.0, 2.0.0 yanked";
    expect(await resolve(`? a *; b 2.0.0\n${universe}`)).toBe("a 1.0.0; b 2.0.0");
    await expect(resolve(`? a *\n${universe}`)).rejects.toMatchObject({ code: "solver/no-solution" });
    await expect(resolve(`? a *; b >=2\n${universe}`)).rejects.toMatchObject({ code: "solver/no-solution" });
  });

  test("young: the newest that is old enough, to the millisecond", async () => {
    const universe = "? a *\na: 1.0.0 90d, 1.1.0 1d, 1.2.0 23h\n% minimum-age";
    expect(await resolve(`${universe} 1d`)).toBe("a 1.1.0");
    expect(await resolve(`${universe} 1d1ms`)).toBe("a 1.0.0");
    expect(await resolve(`${universe} 1h`)).toBe("a 1.2.0");
  });

  test("pre-releases: only those of a version that the range names", async () => {
    const universe = "a: 1.0.0, 1.1.0-rc.1, 1.1.0-rc.2, 1.2.0-rc.1";
    expect(await resolve(`? a *\n${universe}`)).toBe("a 1.0.0");
    expect(await resolve(`? a >=1.1.0-rc.1\n${universe}`)).toBe("a 1.1.0-rc.2");
  });

  test("of builds of one version, always the same", async () => {
    expect(await resolve("? a *\na: 1.0.0+b, 1.0.0+a, 1.0.0+c yanked")).toBe("a 1.0.0+b");
    expect(await resolve("? a *\na: 1.0.0+c yanked, 1.0.0+a, 1.0.0+b")).toBe("a 1.0.0+b");
  });
});

describe("the provider", () => {
  const universe = "? a *; b *\na: 1.0.0 (c *)\nb: 1.0.0 (d *)\nc: 1.0.0\nd: 1.0.0";

  test("is asked once for each thing, and for all that is open at once", async () => {
    const asked: string[] = [];
    const waves: number[] = [];
    let open = 0;
    const answer: ProviderShape["answer"] = async (value) => {
      open++;
      await Promise.resolve();
      waves.push(open);
      open = 0;
      return value;
    };
    await resolve(universe, { asked, answer, inline: false });
    expect(asked.toSorted()).toEqual(["a", "a 1.0.0", "b", "b 1.0.0", "c", "c 1.0.0", "d", "d 1.0.0"]);
    expect(waves.filter((count) => count > 0)).toEqual([2, 2, 2, 2]);
  });

  test("is asked once for a fact that several packages need at once", async () => {
    const asked: string[] = [];
    const shared = "? a *; b *\na: 1.0.0 (@colonyos ^1)\nb: 1.0.0 (@colonyos >=1.1)\n@colonyos: 1.9.0";
    expect(await resolve(shared, { asked, answer: async (value) => value })).toBe("a 1.0.0; b 1.0.0");
    expect(asked.filter((question) => question === "@colonyos")).toEqual(["@colonyos"]);
  });

  test("may fail: its error passes as it is", async () => {
    const down = createError({ "test/down": { kind: "unavailable", title: "Down" } }, "test/down", "down");
    const versions: Provider["versions"] = () => Promise.reject(down);
    await expect(resolve(universe, {}, { versions })).rejects.toBe(down);
  });

  test("may say that a version cannot be used, and why", async () => {
    const dependencies: Provider["dependencies"] = (name) => (name === "a" ? { unusable: "is damaged" } : []);
    await expect(resolve("? a *\na: 1.0.0, 1.1.0", { inline: false }, { dependencies })).rejects.toMatchObject({
      message: expect.stringContaining("because it is damaged"),
    });
  });

  test("may cancel, before any decision", async () => {
    let left = 2;
    await expect(resolve(universe, {}, { cancel: () => left-- === 0 })).rejects.toMatchObject({
      code: "solver/cancelled",
      kind: "cancelled",
      context: { work: { decisions: 1 } },
    });
  });

  test("may prioritise: who is decided first keeps its newest version", async () => {
    const either = "? a *; b *\na: 1.0.0, 2.0.0 (b 1.0.0)\nb: 1.0.0, 2.0.0 (a 1.0.0)";
    const first = (wanted: string) => ({ prioritise: (name: string) => (name === wanted ? 0 : 1) });
    expect(await resolve(either, {}, first("a"))).toBe("a 2.0.0; b 1.0.0");
    expect(await resolve(either, {}, first("b"))).toBe("a 1.0.0; b 2.0.0");
  });
});

test("limits end a search", async () => {
  const universe = "? a *\na: 1.0.0 (b *)\nb: 1.0.0";
  await expect(resolve(universe, {}, { limits: { decisions: 1 } })).rejects.toMatchObject({ code: "solver/limit" });
  await expect(resolve(universe, {}, { limits: { steps: 2 } })).rejects.toMatchObject({ code: "solver/limit" });
});

test("a package that gives way is the one that was decided too early, not the one with most to lose", async () => {
  const old = Array.from({ length: 9 }, (_, at) => `2.0.${at} (a 1.0.0)`).join(", ");
  expect(await resolve(`? a *; b *\na: 1.0.0, 2.0.0\nb: 1.0.0, ${old}`)).toBe("a 1.0.0; b 2.0.8");
});

test("facts about the world are resolved like packages, and are not in the solution", async () => {
  const universe = "? app *\napp: 1.0.0 (@colonyos >=1.9), 2.0.0 (@colonyos >=2)\n@colonyos = ColonyOS: 1.9.12";
  expect(await resolve(universe)).toBe("app 1.0.0");
});
