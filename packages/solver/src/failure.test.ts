import { expect, test } from "bun:test";
import { isCpmError } from "@cpm/base";
import { solve } from "./index.ts";
import { parseUniverse, universeProvider } from "./testing/index.ts";

/** The code, the sentences and the hints of what a universe fails with. */
async function failure(text: string): Promise<readonly string[]> {
  const lines = text.split("\n").map((line) => line.trim());
  const universe = parseUniverse(lines.filter((line) => line !== ""));
  const { requirements, options } = universe;
  try {
    const { packages } = await solve(requirements, universeProvider(universe), options);
    throw new Error(`${packages.size} packages fit`);
  } catch (error) {
    if (!isCpmError(error)) throw error;
    return [error.code, ...error.message.split("\n"), ...(error.hint?.split("\n").map((hint) => `→ ${hint}`) ?? [])];
  }
}

const cases: Readonly<Record<string, string>> = {
  "two files want two versions": `
    ? [colony.yaml] rise/text ^1.0.0
    ? [the command line] rise/text ^2.0.0
    rise/text: 1.0.0, 2.0.0`,
  "one file wants two versions": `
    ? rise/text ^1.0.0; rise/text ^2.0.0
    rise/text: 1.0.0, 2.0.0`,
  "a package's need is the conflict": `
    ? rise/count ^1.0.0; rise/text ^1.0.0
    rise/count: 1.0.0 (rise/text ^2.0.0), 1.1.0 (rise/text ^2.0.0)
    rise/text: 1.0.0, 2.0.0`,
  "three steps down": `
    ? rise/a *; rise/d ^1.0.0
    rise/a: 1.0.0 (rise/b ^1.0.0), 1.1.0 (rise/b ^1.0.0)
    rise/b: 1.0.0 (rise/c ^1.0.0)
    rise/c: 1.0.0 (rise/d ^2.0.0)
    rise/d: 1.0.0, 2.0.0`,
  "a diamond": `
    ? rise/left *; rise/right *
    rise/left: 1.0.0 (rise/base ^1.0.0)
    rise/right: 1.0.0 (rise/base ^2.0.0), 1.1.0 (rise/base ^2.0.0)
    rise/base: 1.0.0, 2.0.0`,
  "ranges that overlap where nothing was published": `
    ? rise/foo 1.0.0; rise/bar 1.0.0
    rise/foo: 1.0.0 (rise/shared >=2.0.0 <3.0.0)
    rise/bar: 1.0.0 (rise/shared >=2.9.0 <4.0.0)
    rise/shared: 2.5.0, 3.5.0`,
  "two reasons, one told by its number": `
    ? rise/foo ^1.0.0
    rise/foo: 1.0.0 (rise/a ^1.0.0; rise/b ^1.0.0), 1.1.0 (rise/x ^1.0.0; rise/y ^1.0.0)
    rise/a: 1.0.0 (rise/b ^2.0.0)
    rise/b: 1.0.0, 2.0.0
    rise/x: 1.0.0 (rise/y ^2.0.0)
    rise/y: 1.0.0, 2.0.0`,
  "a package that does not exist": `
    ? rise/wordcuont ^1.0.0; rise/wordcount *
    rise/wordcount: 1.0.0`,
  "a package that does not exist, further down": `
    ? rise/app *
    rise/app: 1.0.0 (rise/lost ^1.0.0), 1.1.0 (rise/lost ^1.0.0)`,
  "no version matches": `
    ? rise/text ^3.0.0
    rise/text: 1.0.0, 2.0.0`,
  "only yanked versions": `
    ? rise/text ^2.0.0
    rise/text: 1.0.0, 2.0.0 yanked, 2.0.1 yanked`,
  "only a version that is too young": `
    ? rise/text ^2.4.0
    rise/text: 2.3.0 90d, 2.4.0 yanked, 2.4.1 3h
    % minimum-age 3d`,
  "a version that is too young, further down": `
    ? rise/app *; rise/text *
    rise/app: 1.0.0 30d (rise/text >=2.4.0)
    rise/text: 2.3.0 90d, 2.4.1 1h30m
    % minimum-age 1d`,
  "a version without a date": `
    ? rise/text *
    rise/text: 1.0.0 undated
    % minimum-age 1d`,
  "only pre-releases": `
    ? rise/text ^2.0.0
    rise/text: 1.0.0, 2.0.0-rc.1, 2.0.0-rc.2`,
  "ColonyOS is too old": `
    ? rise/app *
    rise/app: 1.0.0 (@colonyos >=1.9.12), 1.1.0 (@colonyos >=1.10.0)
    @colonyos = ColonyOS: 1.9.4`,
  "an executor type is missing": `
    ? rise/train ^1.0.0
    rise/train: 1.0.0 (rise/data ^1.0.0)
    rise/data: 1.0.0 (@executor/gpu *)
    @executor/gpu = executor of type gpu-executor:`,
  "an installed release is too old": `
    ? rise/dash ^3.0.0
    rise/dash: 3.0.0 (@release/db ^2.0.0), 3.1.0 (@release/db ^2.0.0)
    @release/db = release db: 1.4.0`,
  "the lockfile": `
    ? [cpm.lock] rise/text 1.2.0
    ? rise/app ^2.0.0
    rise/app: 2.0.0 (rise/text ^2.0.0)
    rise/text: 1.2.0, 2.0.0`,
  "a range that nothing can match": `
    ? rise/text >2 <1
    rise/text: 1.0.0`,
  "a dependency that needs its dependent": `
    ? rise/foo *
    rise/foo: 1.0.0 (rise/app ^2.0.0)
    % self rise/app 1.0.0`,
  "a version that needs another of its own package": `
    ? rise/foo ^1.0.0
    rise/foo: 1.0.0 (rise/foo ^2.0.0), 2.0.0`,
};

const expected: Readonly<Record<string, readonly string[]>> = {
  "two files want two versions": [
    "solver/no-solution",
    "Because colony.yaml requires rise/text ^1.0.0 and the command line requires rise/text ^2.0.0, the requirements cannot be met.",
  ],
  "one file wants two versions": [
    "solver/no-solution",
    "Because colony.yaml requires both rise/text ^1.0.0 and rise/text ^2.0.0, the requirements cannot be met.",
  ],
  "a package's need is the conflict": [
    "solver/no-solution",
    "1. Because colony.yaml requires rise/count ^1.0.0, which depends on rise/text ^2.0.0, rise/text ^2.0.0 is required.",
    "2. So, because colony.yaml requires rise/text ^1.0.0, the requirements cannot be met.",
  ],
  "three steps down": [
    "solver/no-solution",
    "1. Because rise/b 1.0.0 depends on rise/c ^1.0.0, which depends on rise/d ^2.0.0, rise/b 1.0.0 requires rise/d ^2.0.0.",
    "2. And because every version of rise/a depends on rise/b ^1.0.0, every version of rise/a requires rise/d ^2.0.0.",
    "3. So, because colony.yaml requires both rise/a and rise/d ^1.0.0, the requirements cannot be met.",
  ],
  "a diamond": [
    "solver/no-solution",
    "1. Because rise/left 1.0.0 depends on rise/base ^1.0.0 and every version of rise/right depends on rise/base ^2.0.0, rise/left 1.0.0 and every version of rise/right exclude one another.",
    "2. So, because colony.yaml requires both rise/left and rise/right, the requirements cannot be met.",
  ],
  "ranges that overlap where nothing was published": [
    "solver/no-solution",
    "1. Because no version of rise/shared matches ^2.9.0 and rise/bar 1.0.0 depends on rise/shared >=2.9.0 <4.0.0, rise/bar 1.0.0 requires rise/shared ^3.0.0.",
    "2. And because rise/foo 1.0.0 depends on rise/shared >=2.0.0 <3.0.0, rise/bar 1.0.0 and rise/foo 1.0.0 exclude one another.",
    "3. So, because colony.yaml requires both rise/bar 1.0.0 and rise/foo 1.0.0, the requirements cannot be met.",
  ],
  "two reasons, one told by its number": [
    "solver/no-solution",
    "1. Because rise/a 1.0.0 depends on rise/b ^2.0.0 and rise/foo <1.1.0 depends on rise/b ^1.0.0, rise/a 1.0.0 and rise/foo <1.1.0 exclude one another.",
    "2. And because rise/foo <1.1.0 depends on rise/a ^1.0.0, rise/foo <1.1.0 cannot be used.",
    "3. Because rise/foo >=1.1.0 depends on rise/x ^1.0.0, which depends on rise/y ^2.0.0, rise/foo >=1.1.0 requires rise/y ^2.0.0.",
    "4. And because rise/foo >=1.1.0 depends on rise/y ^1.0.0, rise/foo >=1.1.0 cannot be used.",
    "5. And because rise/foo <1.1.0 cannot be used (2), no version of rise/foo can be used.",
    "6. So, because colony.yaml requires rise/foo ^1.0.0, the requirements cannot be met.",
  ],
  "a package that does not exist": [
    "solver/unknown-package",
    "Because colony.yaml requires rise/wordcuont ^1.0.0, which does not exist, the requirements cannot be met.",
    "→ Did you mean rise/wordcount in place of rise/wordcuont?",
  ],
  "a package that does not exist, further down": [
    "solver/unknown-package",
    "1. Because every version of rise/app depends on rise/lost ^1.0.0, which does not exist, no version of rise/app can be used.",
    "2. So, because colony.yaml requires rise/app, the requirements cannot be met.",
  ],
  "no version matches": [
    "solver/no-solution",
    "Because colony.yaml requires rise/text ^3.0.0, which matches no version, the requirements cannot be met.",
  ],
  "only yanked versions": [
    "solver/no-solution",
    "Because colony.yaml requires rise/text ^2.0.0, which matches only yanked versions, the requirements cannot be met.",
    "→ rise/text 2.0.1 fits but is yanked. Require exactly 2.0.1 to take it all the same.",
  ],
  "only a version that is too young": [
    "solver/no-solution",
    "Because colony.yaml requires rise/text ^2.4.0, which matches no version that may be chosen, the requirements cannot be met.",
    "→ rise/text 2.4.0 fits but is yanked. Require exactly 2.4.0 to take it all the same.",
    "→ rise/text 2.4.1 fits but is 3 hours old; versions are taken from 3 days on.",
  ],
  "a version that is too young, further down": [
    "solver/no-solution",
    "1. Because rise/app 1.0.0 depends on rise/text >=2.4.0, which matches only versions that are too young, rise/app 1.0.0 cannot be used.",
    "2. So, because colony.yaml requires rise/app, the requirements cannot be met.",
    "→ rise/text 2.4.1 fits but is 1 hour old; versions are taken from 1 day on.",
  ],
  "a version without a date": [
    "solver/no-solution",
    "Because colony.yaml requires rise/text, which matches only versions of unknown age, the requirements cannot be met.",
    "→ rise/text 1.0.0 fits but its registry does not say when it was published.",
  ],
  "only pre-releases": [
    "solver/no-solution",
    "Because colony.yaml requires rise/text ^2.0.0, which matches only pre-releases, the requirements cannot be met.",
    "→ rise/text 2.0.0-rc.2 is a pre-release, and a range takes one only where it names it: try ^2.0.0-rc.2.",
  ],
  "ColonyOS is too old": [
    "solver/no-solution",
    "1. Because rise/app <1.1.0 needs ColonyOS >=1.9.12 but ColonyOS is 1.9.4, rise/app <1.1.0 cannot be used.",
    "2. And because rise/app >=1.1.0 needs ColonyOS >=1.10.0, every version of rise/app requires ColonyOS >=1.10.0.",
    "3. So, because ColonyOS is 1.9.4 and colony.yaml requires rise/app, the requirements cannot be met.",
  ],
  "an executor type is missing": [
    "solver/no-solution",
    "1. Because rise/data 1.0.0 needs executor of type gpu-executor, which is not there, rise/data 1.0.0 cannot be used.",
    "2. So, because colony.yaml requires rise/train ^1.0.0, which depends on rise/data ^1.0.0, the requirements cannot be met.",
  ],
  "an installed release is too old": [
    "solver/no-solution",
    "1. Because every version of rise/dash needs release db ^2.0.0 but release db is 1.4.0, no version of rise/dash can be used.",
    "2. So, because colony.yaml requires rise/dash ^3.0.0, the requirements cannot be met.",
  ],
  "the lockfile": [
    "solver/no-solution",
    "1. Because colony.yaml requires rise/app ^2.0.0, which depends on rise/text ^2.0.0, rise/text ^2.0.0 is required.",
    "2. So, because cpm.lock requires rise/text 1.2.0, the requirements cannot be met.",
  ],
  "a range that nothing can match": [
    "solver/no-solution",
    "Because colony.yaml requires rise/text >2 <1, which no version can match, the requirements cannot be met.",
  ],
  "a dependency that needs its dependent": [
    "solver/no-solution",
    "Because colony.yaml requires rise/foo, which depends on rise/app ^2.0.0 but rise/app is 1.0.0, the requirements cannot be met.",
  ],
  "a version that needs another of its own package": [
    "solver/no-solution",
    "Because colony.yaml requires rise/foo ^1.0.0, which depends on rise/foo ^2.0.0, the requirements cannot be met.",
  ],
};

test.each(Object.entries(cases))("%s", async (title, universe) => {
  expect(await failure(universe)).toEqual([...(expected[title] ?? [])]);
});

test("a derivation of thousands of steps is cut in its middle, and says so", async () => {
  const links = Array.from({ length: 400 }, (_, at) => `p${at}: 1.0.0 (p${at + 1} *; q${at} ^1.0.0)\nq${at}: 1.0.0`);
  const [code, ...sentences] = await failure(`? p0 *\n${links.join("\n")}\np400: 1.0.0 (p0 ^2.0.0)`);
  expect(code).toBe("solver/no-solution");
  expect(sentences.length).toBeLessThan(27);
  expect(sentences.filter((sentence) => /^… \d+ sentences left out …$/.test(sentence)).length).toBe(1);
});
