import { afterAll, beforeAll, expect, test } from "bun:test";
import { recordSession } from "./transcript.ts";
import type { Workplace } from "./workplace.ts";
import { openWorkplace } from "./workplace.ts";

let place: Workplace;

beforeAll(async () => {
  place = await openWorkplace();
  await place.addIdleExecutor("local-executor");
  for (const version of ["1.0.0", "1.1.0"]) await publish("rise/tools", version);
  await publish("rise/only", "1.0.0");
  place.write("app/colony.yaml", colonyYaml("me/app", "1.0.0", "dependencies: {rise/tools: ^1}\n"));
  await cpm(0, "lock", "app");
}, 60_000);
afterAll(async () => place?.stop());

const session = (...steps: Parameters<typeof recordSession>[1]) => recordSession(place, steps);

test("a yanked version is left to who locked it, who is warned, and to nobody else", async () => {
  expect(
    await session(
      'yank rise/tools@1.1.0 --reason "Loses the last line."',
      "yank rise/tools@1.1.0 --reason Again. --json",
      "resolve rise/tools",
      "resolve rise/tools@1.1.0 --json",
      "lock app",
      "outdated app",
      "info rise/tools@1.1.0",
      "update --directory app",
      "yank rise/tools@1.1.0 --undo",
      "resolve rise/tools",
    ),
  ).toMatchInlineSnapshot(`
    "$ cpm yank rise/tools@1.1.0 --reason "Loses the last line."
    yanked rise/tools@1.1.0 at <registry>: Loses the last line.
    $ cpm yank rise/tools@1.1.0 --reason Again. --json
    {
      "registry": "<registry>",
      "name": "rise/tools",
      "version": "1.1.0",
      "yanked": true,
      "reason": "Again."
    }
    $ cpm resolve rise/tools
    PACKAGE  VERSION  DIGEST
    rise/tools  1.0.0  <digest>
    $ cpm resolve rise/tools@1.1.0 --json
    [
      {
        "name": "rise/tools",
        "version": "1.1.0",
        "digest": "<digest>",
        "yanked": "Again."
      }
    ]
    $ cpm lock app
    1 package locked, nothing changed
    ! warning: rise/tools@1.1.0 was yanked: Again. [package/yanked]
    !  hint: It is used because it is locked or named exactly. \`cpm update\` moves a locked one to another version.
    $ cpm outdated app
    PACKAGE  LOCKED  WANTED  NEWEST
    rise/tools  1.1.0  1.0.0  1.0.0
    => 3
    $ cpm info rise/tools@1.1.0
    rise/tools@1.1.0
    A test.
    yanked: Again.

    digest  <digest>
    size  <size>
    versions  1.1.0 (yanked), 1.0.0
    $ cpm update --directory app
      rise/tools 1.1.0 → 1.0.0
    1 package locked
    $ cpm yank rise/tools@1.1.0 --undo
    rise/tools@1.1.0 may be chosen again at <registry>
    $ cpm resolve rise/tools
    PACKAGE  VERSION  DIGEST
    rise/tools  1.1.0  <digest>
    "
  `);
}, 60_000);

test("where nothing else fits, it is said why the version was yanked", async () => {
  await cpm(0, "yank", "rise/only@1.0.0", "--reason", "Wrong on Sundays.");
  const { stderr } = await cpm(6, "resolve", "rise/only@^1");
  expect(stderr).toContain("rise/only 1.0.0 fits but was yanked: Wrong on Sundays. Require exactly 1.0.0");
});

test("installing what is locked and yanked warns and goes on", async () => {
  place.write("other/colony.yaml", colonyYaml("me/other", "1.0.0", "dependencies: {rise/tools: ^1}\n"));
  await cpm(0, "lock", "other");
  await cpm(0, "colony", "init");
  await cpm(0, "yank", "rise/tools@1.1.0", "--reason", "Loses the last line.");
  const { stdout, stderr } = await cpm(0, "install", "./other", "--locked");
  expect(stderr).toContain("warning: rise/tools@1.1.0 was yanked: Loses the last line. [package/yanked]");
  expect(stdout).toContain("installed other");
  await cpm(0, "yank", "rise/tools@1.1.0", "--undo");
});

test("a deprecated package is used as before, with its message and what to use in its place", async () => {
  expect(
    await session(
      'deprecate rise/tools --message "No longer maintained." --successor rise/only',
      "deprecate rise/tools@1.0.0 --message Slow.",
      "resolve rise/tools",
      "info rise/tools",
      "resolve rise/tools@1.0.0 --json",
      "deprecate rise/tools@1.0.0 --undo --json",
      "deprecate rise/tools --undo",
      "resolve rise/tools",
    ),
  ).toMatchInlineSnapshot(`
    "$ cpm deprecate rise/tools --message "No longer maintained." --successor rise/only
    deprecated rise/tools at <registry>: No longer maintained.
    $ cpm deprecate rise/tools@1.0.0 --message Slow.
    deprecated rise/tools@1.0.0 at <registry>: Slow.
    $ cpm resolve rise/tools
    PACKAGE  VERSION  DIGEST
    rise/tools  1.1.0  <digest>
    ! warning: rise/tools@1.1.0 is deprecated: No longer maintained. [package/deprecated]
    !  hint: Use rise/only in its place.
    $ cpm info rise/tools
    rise/tools@1.1.0
    A test.
    deprecated: No longer maintained. Use rise/only in its place.

    digest  <digest>
    size  <size>
    versions  1.1.0, 1.0.0
    $ cpm resolve rise/tools@1.0.0 --json
    [
      {
        "name": "rise/tools",
        "version": "1.0.0",
        "digest": "<digest>",
        "deprecated": {
          "message": "Slow."
        }
      }
    ]
    $ cpm deprecate rise/tools@1.0.0 --undo --json
    {
      "registry": "<registry>",
      "name": "rise/tools",
      "version": "1.0.0"
    }
    $ cpm deprecate rise/tools --undo
    rise/tools is no longer deprecated at <registry>
    $ cpm resolve rise/tools
    PACKAGE  VERSION  DIGEST
    rise/tools  1.1.0  <digest>
    "
  `);
}, 60_000);

test.each<[number, RegExp, readonly string[]]>([
  [2, /Name it: rise\/tools@1\.2\.3/, ["yank", "rise/tools@^1", "--reason", "Slow."]],
  [2, /Name it: rise\/tools@1\.2\.3/, ["yank", "rise/tools", "--reason", "Slow."]],
  [2, /do not go together/, ["yank", "rise/tools@1.0.0", "--reason", "Slow.", "--undo"]],
  [2, /one line of 1 to 500 characters/, ["yank", "rise/tools@1.0.0", "--reason", "Slow.\nWrong."]],
  [2, /--message TEXT/, ["deprecate", "rise/tools"]],
  [2, /--undo goes with neither/, ["deprecate", "rise/tools", "--undo", "--successor", "rise/only"]],
  [2, /Name it: rise\/tools, or/, ["deprecate", "rise/tools@^1", "--message", "Slow."]],
  [2, /lower-case letters/, ["deprecate", "rise/tools", "--message", "Slow.", "--successor", "tools"]],
])("a call that cannot be meant so ends with %i and says %p", async (status, said, argv) => {
  expect((await cpm(status, ...argv)).stderr).toMatch(said);
});

function colonyYaml(name: string, version: string, more = ""): string {
  return `apiVersion: cpm/v1\nname: ${name}\nversion: ${version}\ndescription: A test.\n${more}`;
}

async function publish(name: string, version: string): Promise<void> {
  const folder = `${name.replace("/", "-")}-${version}`;
  place.write(`${folder}/colony.yaml`, colonyYaml(name, version));
  await cpm(0, "publish", `./${folder}`);
}

async function cpm(status: number, ...argv: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  const ownerKey = place.owner.identity?.exportPrivateKey() ?? "";
  const end = await place.cpm(argv, argv[0] === "colony" ? { env: { COLONIES_COLONY_PRVKEY: ownerKey } } : {});
  expect([argv.join(" "), end.status, end.status === status ? "" : end.stderr]).toEqual([argv.join(" "), status, ""]);
  return end;
}
