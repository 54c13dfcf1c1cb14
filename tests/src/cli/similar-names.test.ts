import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Workplace } from "./workplace.ts";
import { openWorkplace } from "./workplace.ts";

let place: Workplace;

beforeAll(async () => {
  place = await openWorkplace();
  for (const name of ["wordcount", "word-count", "w0rdcount"])
    place.write(
      `${name}/colony.yaml`,
      `apiVersion: cpm/v1\nname: rise/${name}\nversion: 1.0.0\ndescription: A test.\n`,
    );
  const first = await place.cpm(["publish", "./wordcount"]);
  expect([first.status, first.stderr]).toEqual([0, expect.any(String)]);
}, 60_000);
afterAll(async () => place?.stop());

test("a name that is easily taken for another is refused, says for which, and is taken when that is allowed", async () => {
  const refused = await place.cpm(["publish", "./word-count"]);
  expect(refused.status).toBe(6);
  expect(refused.stderr).toContain("rise/word-count would be a new package, and is easily taken for rise/wordcount");
  expect(refused.stderr).toContain("--allow-similar-name");
  expect((await place.cpm(["info", "rise/word-count"])).status).toBe(5);
  expect((await place.cpm(["publish", "./word-count", "--allow-similar-name"])).status).toBe(0);
  expect((await place.cpm(["publish", "./word-count"])).status).toBe(0);
});

test("a bundle brings it along only when that is allowed", async () => {
  place.write("app/colony.yaml", appYaml);
  for (const argv of [
    ["publish", "./w0rdcount", "--allow-similar-name"],
    ["lock", "app"],
    ["bundle", "create", "app", "-o", "app.bundle"],
  ]) {
    const { status, stderr } = await place.cpm(argv);
    expect([argv, status, status === 0 ? "" : stderr]).toEqual([argv, 0, ""]);
  }
  const other = await openWorkplace();
  try {
    other.write("wordcount/colony.yaml", await Bun.file(`${place.folder}/wordcount/colony.yaml`).text());
    await other.cpm(["publish", "./wordcount"]);
    const push = ["bundle", "push", `${place.folder}/app.bundle`, "--to", other.registry.host];
    expect((await place.cpm(push)).status).toBe(6);
    expect((await place.cpm([...push, "--allow-similar-name"])).status).toBe(0);
  } finally {
    await other.stop();
  }
}, 60_000);

const appYaml = `apiVersion: cpm/v1
name: me/app
version: 1.0.0
description: A test.
dependencies: {rise/w0rdcount: ^1}
`;
