import { afterAll, beforeAll, expect, test } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import type { AuthServer } from "./auth-server.ts";
import { startAuthServer } from "./auth-server.ts";
import { recordSession } from "./transcript.ts";
import type { Workplace } from "./workplace.ts";
import { openWorkplace } from "./workplace.ts";

let place: Workplace;
let auth: AuthServer;
beforeAll(async () => {
  place = await openWorkplace();
  auth = startAuthServer("me", "right");
  await place.addIdleExecutor("local-executor");
  for (const name of ["hello", "greeter"]) await place.cpm(["init", name, "--name", `rise/${name}`]);
  await place.cpm(["publish", "greeter"]);
}, 60_000);
afterAll(async () => {
  await auth?.stop();
  await place?.stop();
});

const session = (...steps: Parameters<typeof recordSession>[1]) => recordSession(place, steps);

test("from an empty directory to a packed file", async () => {
  expect(
    await session(
      "init first --name rise/first",
      "init jobs/nightly --name rise/nightly --template cron --json",
      "lint first",
      "render ./first --set who=you",
      "render first",
      "render ./first --name second --json",
      "pack first",
      "pack first --force --quiet -o first.cpm",
      "pack first",
      "info ./first.cpm",
    ),
  ).toMatchInlineSnapshot(`
    "$ cpm init first --name rise/first
    rise/first in first: one function that runs when the package is installed
      colony.yaml
      README.md
      templates/first.yaml
      payload/greet.sh

    Next: cpm lint first, cpm dev up, cpm install ./first --wait
    $ cpm init jobs/nightly --name rise/nightly --template cron --json
    {
      "name": "rise/nightly",
      "directory": "jobs/nightly",
      "template": "cron",
      "files": [
        "colony.yaml",
        "README.md",
        "templates/nightly.yaml",
        "payload/report.sh"
      ]
    }
    $ cpm lint first
    rise/first@0.1.0: 0 errors, 0 warnings
    $ cpm render ./first --set who=you
    kind: Function
    name: first
    spec:
      funcname: execute
      kwargs:
        cmd: /var/lib/colony/packages/trees/<digest>/root/payload/greet.sh
        args:
          - you
      conditions:
        executortype: local-executor
      maxexectime: 60
    ! rise/first@0.1.0: packing
    ! rise/first@0.1.0: packed (<size>)
    $ cpm render first
    ! error: "first" is a directory here, and no reference to a package [cli/usage]
    ! hint: Write ./first for the directory.
    => 2
    $ cpm render ./first --name second --json
    [
      {
        "kind": "Function",
        "name": "first",
        "spec": {
          "funcname": "execute",
          "kwargs": {
            "cmd": "/var/lib/colony/packages/trees/<digest>/root/payload/greet.sh",
            "args": [
              "world"
            ]
          },
          "conditions": {
            "executortype": "local-executor"
          },
          "maxexectime": 60
        }
      }
    ]
    $ cpm pack first
    rise/first@0.1.0 in rise-first-0.1.0.cpm
      digest  <digest>
      files  4, <size>, packed <size>
    ! rise/first@0.1.0: packing
    ! rise/first@0.1.0: packed (<size>)
    $ cpm pack first --force --quiet -o first.cpm
    rise/first@0.1.0 in first.cpm
      digest  <digest>
      files  4, <size>, packed <size>
    $ cpm pack first
    ! error: rise-first-0.1.0.cpm is there already [package/exists]
    ! hint: Give --force to replace it.
    => 6
    $ cpm info ./first.cpm
    rise/first@0.1.0
    Greet somebody.

    license  Apache-2.0
    executors  local-executor
    digest  <digest>
    size  <size>

    INPUT  TYPE  DEFAULT  MEANING
    who  string  "world"  Whom to greet.
    "
  `);
}, 60_000);

test("a package with several faults, each with its place", async () => {
  place.write(
    "faulty/colony.yaml",
    `apiVersion: cpm/v1
nmae: rise/faulty
version: 1.0
description: Wrong in several ways.
inputs:
  - {key: shards, type: int, default: many}
`,
  );
  place.write("faulty/templates/work.yaml", "kind: Functoin\nname: work\nspec: {}\n");
  expect(await session("lint faulty", "lint faulty --json", "pack faulty")).toMatchInlineSnapshot(`
    "$ cpm lint faulty
    faulty/colony.yaml:1:1: error: "name" is missing from the manifest [manifest/missing-key]
      1 | apiVersion: cpm/v1
        | ^^^^^^^^^^^^^^^^^^
      hint: The package: \`namespace/name\`.
    faulty/colony.yaml:2:1: error: unknown key "nmae" [manifest/unknown-key]
      2 | nmae: rise/faulty
        | ^^^^
      hint: Did you mean "name"?
    faulty/colony.yaml:3:10: error: expected a version, found a number [manifest/wrong-type]
      3 | version: 1.0
        |  ^^^
    faulty/colony.yaml:6:39: error: expected a whole number, found text [manifest/wrong-type]
      6 |  - {key: shards, type: int, default: many}
        |  ^^^^

    faulty: 4 errors, 0 warnings
    => 2
    $ cpm lint faulty --json
    {
      "errors": 4,
      "warnings": 0,
      "findings": [
        {
          "code": "manifest/unknown-key",
          "severity": "error",
          "message": "unknown key \\"nmae\\"",
          "hint": "Did you mean \\"name\\"?",
          "file": "faulty/colony.yaml",
          "line": 2,
          "column": 1
        },
        {
          "code": "manifest/missing-key",
          "severity": "error",
          "message": "\\"name\\" is missing from the manifest",
          "hint": "The package: \`namespace/name\`.",
          "file": "faulty/colony.yaml",
          "line": 1,
          "column": 1
        },
        {
          "code": "manifest/wrong-type",
          "severity": "error",
          "message": "expected a version, found a number",
          "file": "faulty/colony.yaml",
          "line": 3,
          "column": 10
        },
        {
          "code": "manifest/wrong-type",
          "severity": "error",
          "message": "expected a whole number, found text",
          "file": "faulty/colony.yaml",
          "line": 6,
          "column": 39
        }
      ]
    }
    => 2
    $ cpm pack faulty
    ! error: 4 faults [package/invalid]
    ! faulty/colony.yaml:1:1: error: "name" is missing from the manifest [manifest/missing-key]
    !  1 | apiVersion: cpm/v1
    !  | ^^^^^^^^^^^^^^^^^^
    !  hint: The package: \`namespace/name\`.
    ! faulty/colony.yaml:2:1: error: unknown key "nmae" [manifest/unknown-key]
    !  2 | nmae: rise/faulty
    !  | ^^^^
    !  hint: Did you mean "name"?
    ! faulty/colony.yaml:3:10: error: expected a version, found a number [manifest/wrong-type]
    !  3 | version: 1.0
    !  |  ^^^
    ! faulty/colony.yaml:6:39: error: expected a whole number, found text [manifest/wrong-type]
    !  6 |  - {key: shards, type: int, default: many}
    !  |  ^^^^
    ! hint: \`cpm lint\` shows them again with the warnings.
    => 2
    "
  `);
}, 60_000);

test("publishing, finding, and the credentials of a registry", async () => {
  expect(
    await session(
      "publish hello",
      "publish hello --quiet",
      "search hello",
      "search nothing-like-it",
      "search hello --limit 1 --json",
      "search --executor local-executor --platform linux/amd64 --owner rise",
      "search hello --keyword text --keyword batch",
      "search --platform linux",
      "info rise/hello",
      { line: `login ${auth.host} -u me --password-stdin`, options: { stdin: "right\n" } },
      `logout ${auth.host}`,
      `logout ${auth.host} --json`,
    ).then((text) => text.replace(/"updatedAt": "[^"]*"/, '"updatedAt": "<time>"')),
  ).toMatchInlineSnapshot(`
    "$ cpm publish hello
    published rise/hello@0.1.0 to <registry> (<size> sent)
      digest  <digest>
    ! rise/hello@0.1.0: packing
    ! rise/hello@0.1.0: packed (<size>)
    ! rise/hello@0.1.0: publishing to <registry>
    ! rise/hello@0.1.0: published (<size> sent)
    $ cpm publish hello --quiet
    rise/hello@0.1.0 was published already, with these bytes
      digest  <digest>
    $ cpm search hello
    NAME  VERSION  DESCRIPTION
    rise/hello  0.1.0  Greet somebody.
    $ cpm search nothing-like-it
    nothing found
    $ cpm search hello --limit 1 --json
    {
      "total": 1,
      "results": [
        {
          "name": "rise/hello",
          "version": "0.1.0",
          "description": "Greet somebody.",
          "keywords": [],
          "updatedAt": "<time>",
          "downloads": {
            "total": 0,
            "last90Days": 0
          }
        }
      ]
    }
    $ cpm search --executor local-executor --platform linux/amd64 --owner rise
    NAME  VERSION  DESCRIPTION
    rise/greeter  0.1.0  Greet somebody.
    rise/hello  0.1.0  Greet somebody.
    $ cpm search hello --keyword text --keyword batch
    nothing found
    $ cpm search --platform linux
    ! error: <registry> answered 400 UNSUPPORTED: platform is "linux", which is not os/architecture, such as linux/amd64 to: search [registry/refused]
    => 2
    $ cpm info rise/hello
    rise/hello@0.1.0
    Greet somebody.

    license  Apache-2.0
    executors  local-executor
    digest  <digest>
    size  <size>
    versions  0.1.0

    INPUT  TYPE  DEFAULT  MEANING
    who  string  "world"  Whom to greet.
    $ cpm login <host> -u me --password-stdin
    logged in to <host> as me
    $ cpm logout <host>
    logged out of <host>
    $ cpm logout <host> --json
    {
      "registry": "<host>",
      "erased": false
    }
    "
  `);
}, 60_000);

test("what login stores is for its user only", async () => {
  const argv = ["login", auth.host, "--username", "me", "--password-stdin"];
  const home = join(place.folder, "another-home");
  expect((await place.cpm(argv, { stdin: "right", env: { HOME: home } })).status).toBe(0);
  expect(statSync(join(home, ".config/cpm/credentials.json")).mode & 0o777).toBe(0o600);
});

test("a release from its plan to its end", async () => {
  expect(
    await session(
      "list",
      "install rise/greeter --dry-run --set who=you",
      "install rise/greeter",
      "list",
      "status greeter",
      "history greeter",
      "uninstall greeter",
      "list",
      "list --all",
      "uninstall greeter --purge --yes",
      "list --all --json",
    ),
  ).toMatchInlineSnapshot(`
    "$ cpm list
    no releases
    $ cpm install rise/greeter --dry-run --set who=you
    greeter revision 1 in dev

    PACKAGE  FILES  PLACE
    rise/greeter@0.1.0  <size> to fetch  <packages>/trees/<digest>/root

    INPUT  VALUE  PACKAGE
    who  "you"  rise/greeter

    CREATES  NAME  IN THE COLONY  FROM
    Function  greeter  rise/greeter

    NEEDS
    ✓ executor local-executor idle-1
    $ cpm install rise/greeter
    installed greeter (rise/greeter@0.1.0, revision 1) in dev
    ! rise/greeter@0.1.0: fetching
    ! rise/greeter@0.1.0: in place
    ! Function greeter: submitting
    ! Function greeter: submitted
    $ cpm list
    RELEASE  REVISION  PHASE  PACKAGE  UPDATED
    greeter  1  deployed  rise/greeter@0.1.0  <time>
    $ cpm status greeter
    greeter revision 1, deployed: rise/greeter@0.1.0
    Installed; under way: Function greeter.

    KIND  NAME  STATE  DETAIL
    Function  greeter  waiting  <id>
    $ cpm history greeter
    REVISION  PHASE  PACKAGE  STARTED  BY
    1  deployed  rise/greeter@0.1.0  <time>  <id>@<machine>
    $ cpm uninstall greeter
    uninstalled greeter
      Function greeter
    ! greeter: uninstalling
    ! greeter: uninstalled
    $ cpm list
    no releases
    $ cpm list --all
    RELEASE  REVISION  PHASE  PACKAGE  UPDATED
    greeter  1  uninstalled  rise/greeter@0.1.0  <time>
    $ cpm uninstall greeter --purge --yes
    uninstalled greeter
      Function greeter
    ! greeter: uninstalled
    $ cpm list --all --json
    []
    "
  `);
}, 60_000);

test("doctor with nothing configured says what to do", async () => {
  const home = { HOME: join(place.folder, "fresh-home") };
  const env = { ...home, CPM_REGISTRY: "", COLONIES_SERVER_HOST: "", COLONIES_COLONY_NAME: "", COLONIES_PRVKEY: "" };
  expect(
    await session(
      { line: "doctor", options: { env } },
      { line: "doctor --json", options: { env } },
      { line: "doctor", options: { env: home } },
    ),
  ).toMatchInlineSnapshot(`
    "$ cpm doctor
    ✓ packages directory <packages>, <size> free, an agent can let versions share files
    ✓ credential file none stored
    ! registry none configured
        Set CPM_REGISTRY, or \`registry:\` in cpm.config.yaml; \`cpm dev up\` starts one here.
    ! colony none configured
        Set COLONIES_SERVER_HOST, COLONIES_COLONY_NAME and COLONIES_PRVKEY; \`cpm dev up\` starts a colony here.
    $ cpm doctor --json
    [
      {
        "name": "packages directory",
        "level": "ok",
        "detail": "<packages>, <size> free, an agent can let versions share files"
      },
      {
        "name": "credential file",
        "level": "ok",
        "detail": "none stored"
      },
      {
        "name": "registry",
        "level": "warning",
        "detail": "none configured",
        "fix": "Set CPM_REGISTRY, or \`registry:\` in cpm.config.yaml; \`cpm dev up\` starts one here."
      },
      {
        "name": "colony",
        "level": "warning",
        "detail": "none configured",
        "fix": "Set COLONIES_SERVER_HOST, COLONIES_COLONY_NAME and COLONIES_PRVKEY; \`cpm dev up\` starts a colony here."
      }
    ]
    $ cpm doctor
    ✓ packages directory <packages>, <size> free, an agent can let versions share files
    ✓ credential file none stored
    ✓ registry <registry>
    ✓ ColonyOS server <server>
    ✓ colony membership the key <id>… is a member of dev
    ✓ releases the colony keeps releases
    ✓ executors 1 approved: local-executor
    "
  `);
}, 60_000);

test("mistakes on the command line", async () => {
  expect(
    await session(
      "instal x",
      "install",
      "list --al",
      "init --template functoin x",
      "--nothing",
      "status hello --json",
      "list --json x",
    ),
  ).toMatchInlineSnapshot(`
    "$ cpm instal x
    ! error: there is no command "instal" [cli/unknown-command]
    ! hint: Did you mean \`cpm install\`? Run \`cpm --help\` for the list.
    => 2
    $ cpm install
    ! error: package is missing: a reference, a directory or a .cpm file [cli/usage]
    ! hint: Run the command with --help.
    => 2
    $ cpm list --al
    ! error: there is no option --al [cli/unknown-option]
    ! hint: Did you mean --all? Run the command with --help for the list.
    => 2
    $ cpm init --template functoin x
    ! error: --template cannot be "functoin" [cli/usage]
    ! hint: Did you mean "function"?
    => 2
    $ cpm --nothing
    ! error: there is no option --nothing [cli/unknown-option]
    ! hint: Run the command with --help.
    => 2
    $ cpm status hello --json
    ! {"error":{"code":"release/not-found","kind":"not_found","message":"the colony dev has no release \\"hello\\"","hint":"\`cpm list\` lists the releases of the colony."}}
    => 5
    $ cpm list --json x
    ! {"error":{"code":"cli/usage","kind":"invalid_argument","message":"unexpected argument \\"x\\"","hint":"Run the command with --help."}}
    => 2
    "
  `);
}, 60_000);

test("the version, as text and as JSON", async () => {
  expect(await session("--version", "-V --json", "--json --version")).toMatch(
    /^\$ cpm --version\n\d+\.\d+\.\d+\n\$ cpm -V --json\n\{\n {2}"version": "\d+\.\d+\.\d+"\n\}\n\$ cpm --json --version\n\{/,
  );
});
