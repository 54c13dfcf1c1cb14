import { expect, test } from "bun:test";
import { isCpmError } from "@cpm/base";
import { parseRange, parseVersion } from "@cpm/model";
import { solve } from "./index.ts";
import type { Provider } from "./index.ts";

/** What a failure about one fact says, for a package that needs it and for a requirement that does. */
async function sentences(fact: Partial<Provider>): Promise<readonly string[]> {
  const need = { name: "@release/rise/base", range: parseRange("*") };
  const provider: Provider = {
    versions: (name) => (name === "rise/web" ? [{ version: parseVersion("1.0.0"), dependencies: [need] }] : []),
    dependencies: () => [],
    title: (name) => (name.startsWith("@") ? "an installed rise/base" : name),
    ...fact,
  };
  const failing = async (name: string): Promise<string> => {
    try {
      await solve([{ name, range: parseRange("*"), from: "colony.yaml" }], provider);
    } catch (error) {
      if (isCpmError(error, "solver/no-solution")) return error.message;
      throw error;
    }
    throw new Error("it was solved");
  };
  return [await failing("rise/web"), await failing(need.name)];
}

test("a fact that does not hold is told in the provider's words, and by its title where there are none", async () => {
  expect(await sentences({ missing: () => 'release "base" has rise/base 1.4.0' })).toEqual([
    '1. Because rise/web 1.0.0 needs an installed rise/base but release "base" has rise/base 1.4.0, rise/web 1.0.0 cannot be used.\n2. So, because colony.yaml requires rise/web, the requirements cannot be met.',
    'Because colony.yaml requires an installed rise/base but release "base" has rise/base 1.4.0, the requirements cannot be met.',
  ]);
  expect((await sentences({}))[1]).toBe(
    "Because colony.yaml requires an installed rise/base, which is not there, the requirements cannot be met.",
  );
});
