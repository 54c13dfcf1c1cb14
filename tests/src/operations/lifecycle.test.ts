import { afterAll, beforeAll, expect, test } from "bun:test";
import { describeOnColonies } from "../colonies/colony-under-test.ts";
import { Lab, nothing, wholeDemo } from "./lab.ts";

describeOnColonies("releases", (start) => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.open(start);
  }, 300_000);
  afterAll(async () => lab?.close());

  test("an install creates one of everything, and an uninstall takes all of it away", async () => {
    const installed = await lab.install("plain");
    expect(installed.created.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      "BlueprintDefinition demonotes",
      "Blueprint note",
      "Function greet",
      "Workflow chain",
      "Generator gather",
      "Cron yearly",
    ]);
    expect(await lab.census("plain")).toEqual(wholeDemo("plain"));
    await lab.uninstall("plain");
    expect(await lab.census("plain")).toMatchObject(nothing);
  }, 60_000);
});
