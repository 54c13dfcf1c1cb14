import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Identity } from "@cpm/colonies";
import { ReleaseBook } from "@cpm/operations";
import type { AuthServer } from "./auth-server.ts";
import { startAuthServer } from "./auth-server.ts";
import type { FlawedRegistry } from "./flawed-registry.ts";
import { openFlawedRegistry } from "./flawed-registry.ts";
import { writeSamplePackage } from "./sample-package.ts";
import type { SmallDisk } from "./unprivileged.ts";
import { openSmallDisk, unprivileged, whyNoSmallDisk, whyNotUnprivileged } from "./unprivileged.ts";
import type { CliRunOptions, Workplace } from "./workplace.ts";
import { openWorkplace } from "./workplace.ts";

let place: Workplace;
let damaging: FlawedRegistry;
let auth: AuthServer;
let closedPort: number;
const disks: SmallDisk[] = [];

interface Mistake {
  readonly argv: readonly string[];
  readonly options?: CliRunOptions;
  /** Run after the command, to see that nothing half-done is left. */
  readonly after?: () => void;
}

interface Row {
  readonly code: string;
  readonly status: number;
  /** What to do must be named so. */
  readonly hint: RegExp;
  readonly make: () => Mistake | Promise<Mistake>;
  /** Why the row cannot be tried here. */
  readonly unless?: () => string | undefined;
  /** The release that is there afterwards on purpose, and the error says so. */
  readonly leaves?: string;
}

const small = "rise/small";
const large = "rise/large";
const install = (reference: string, ...flags: readonly string[]) => ["install", reference, ...flags];
const withEnv = (argv: readonly string[], env: Readonly<Record<string, string | undefined>>): Mistake => ({
  argv,
  options: { env },
});

function smallDisk(sizeBytes: number): SmallDisk {
  const disk = openSmallDisk(sizeBytes);
  disks.push(disk);
  return disk;
}

/** A directory that its own user may enter and not write. */
function forbidden(name: string, mode: number): string {
  const path = join(place.folder, name);
  mkdirSync(path, { recursive: true });
  chmodSync(path, mode);
  return path;
}

const rows: Readonly<Record<string, Row>> = {
  "a command that is none": {
    code: "cli/unknown-command",
    status: 2,
    hint: /cpm install/,
    make: () => ({ argv: ["instal", small] }),
  },
  "a flag that is none": {
    code: "cli/unknown-option",
    status: 2,
    hint: /--wait/,
    make: () => ({ argv: install(small, "--wiat") }),
  },
  "no argument": { code: "cli/usage", status: 2, hint: /--help/, make: () => ({ argv: ["install"] }) },
  "no registry": {
    code: "package/no-registry",
    status: 2,
    hint: /--registry|CPM_REGISTRY/,
    make: () => withEnv(install(small), { CPM_REGISTRY: undefined }),
  },
  "no server": {
    code: "cli/missing-setting",
    status: 2,
    hint: /COLONIES_SERVER_HOST/,
    make: () => withEnv(install(small), { COLONIES_SERVER_HOST: undefined }),
  },
  "no key": {
    code: "cli/missing-setting",
    status: 2,
    hint: /COLONIES_PRVKEY/,
    make: () => withEnv(install(small), { COLONIES_PRVKEY: undefined }),
  },
  "a wrong key": {
    code: "colonies/denied",
    status: 7,
    hint: /COLONIES_PRVKEY/,
    make: () => withEnv(install(small), { COLONIES_PRVKEY: Identity.generate().exportPrivateKey() }),
  },
  "a key that is none": {
    code: "colonies/invalid-key",
    status: 2,
    hint: /64 hex digits/,
    make: () => withEnv(install(small), { COLONIES_PRVKEY: "secret" }),
  },
  "a wrong owner's key": {
    code: "colony/needs-owner",
    status: 7,
    hint: /owner/,
    make: () => withEnv(["colony", "init"], { COLONIES_COLONY_PRVKEY: Identity.generate().exportPrivateKey() }),
  },
  "the server is down": {
    code: "colonies/unreachable",
    status: 1,
    hint: /COLONIES_SERVER_HOST/,
    make: () => withEnv(install(small), { COLONIES_SERVER_PORT: String(closedPort) }),
  },
  "the name of the release is taken": {
    code: "release/exists",
    status: 6,
    hint: /--name|uninstall/,
    make: async () => {
      const { status, stderr } = await place.cpm(install(small, "--name", "taken"));
      if (status !== 0) throw new Error(stderr);
      return { argv: install(small, "--name", "taken") };
    },
    leaves: "taken",
  },
  "a release name that is none": {
    code: "name/invalid-release",
    status: 2,
    hint: /[Ll]ower-case/,
    make: () => ({ argv: install(small, "--name", "No_Name") }),
  },
  "a version that is published with other bytes": {
    code: "package/version-exists",
    status: 6,
    hint: /new version/,
    make: () => {
      place.write("small/README.md", "# changed\n");
      return { argv: ["publish", "small"] };
    },
  },
  "a yank without a reason": {
    code: "cli/usage",
    status: 2,
    hint: /--reason/,
    make: () => ({ argv: ["yank", "rise/small@1.0.0"] }),
  },
  "a yank of a version that is not there": {
    code: "registry/not-found",
    status: 5,
    hint: /./,
    make: () => ({ argv: ["yank", "rise/small@9.9.9", "--reason", "Slow."] }),
  },
  "a deprecation in favour of itself": {
    code: "registry/refused",
    status: 2,
    hint: /another package/,
    make: () => ({ argv: ["deprecate", "rise/small", "--message", "Old.", "--successor", "rise/small"] }),
  },
  "an unknown input": {
    code: "input/invalid",
    status: 2,
    hint: /"who"/,
    make: () => ({ argv: install(small, "--set", "wo=me") }),
  },
  "an input of the wrong type": {
    code: "input/invalid",
    status: 2,
    hint: /./,
    make: () => ({ argv: install(small, "--set", "shards=many") }),
  },
  "an input out of its limits": {
    code: "input/invalid",
    status: 2,
    hint: /./,
    make: () => ({ argv: install(small, "--set", "shards=65") }),
  },
  "no executor of the type": {
    code: "colony/missing-executor",
    status: 6,
    hint: /[Ss]tart|--skip-requirements/,
    make: () => ({ argv: install("rise/elsewhere") }),
  },
  "the wait expires": {
    code: "release/wait-timeout",
    status: 8,
    hint: /cpm status/,
    make: () => ({ argv: install(small, "--name", "slow", "--wait", "--timeout", "200ms") }),
    leaves: "slow",
  },
  "an unknown package": {
    code: "package/not-found",
    status: 5,
    hint: /cpm search/,
    make: () => ({ argv: install("rise/nothing") }),
  },
  "an unknown version": {
    code: "package/not-found",
    status: 5,
    hint: /cpm info/,
    make: () => ({ argv: install(`${small}@9.9.9`) }),
  },
  "a range that nothing fits": {
    code: "package/no-version",
    status: 6,
    hint: /newest/,
    make: () => ({ argv: install(`${small}@^9`) }),
  },
  "a reference that is none": {
    code: "reference/invalid",
    status: 2,
    hint: /namespace\/name/,
    make: () => ({ argv: install("nothing") }),
  },
  "an unknown release": {
    code: "release/not-found",
    status: 5,
    hint: /cpm list/,
    make: () => ({ argv: ["status", "nothing"] }),
  },
  "a directory without a package": {
    code: "package/no-manifest",
    status: 5,
    hint: /cpm init/,
    make: () => ({ argv: ["lint", place.home] }),
  },
  "a package with faults": {
    code: "package/invalid",
    status: 2,
    hint: /cpm lint/,
    make: () => {
      place.write("faulty/colony.yaml", "apiVersion: cpm/v1\nnmae: rise/faulty\nversion: one\n");
      return { argv: ["publish", "faulty"] };
    },
  },
  "a directory that is not empty": {
    code: "package/exists",
    status: 6,
    hint: /remove|another/i,
    make: () => ({ argv: ["init", "small", "--name", small] }),
  },
  "a file that is not there": {
    code: "cli/no-file",
    status: 5,
    hint: /path/,
    make: () => ({ argv: install(small, "--values", "none.yaml") }),
  },
  "a directory written like a reference": {
    code: "cli/usage",
    status: 2,
    hint: /\.\/small/,
    make: () => ({ argv: install("small") }),
  },
  "a directory that is not there": {
    code: "cli/no-file",
    status: 5,
    hint: /path/,
    make: () => ({ argv: ["pack", "small", "-o", "nowhere/small.cpm"] }),
  },
  "a place for the plan that is not there": {
    code: "cli/no-file",
    status: 5,
    hint: /path/,
    make: () => ({ argv: install(small, "--plan", "nowhere/plan.json") }),
  },
  "a directory in place of the credentials": {
    code: "registry/credentials",
    status: 6,
    hint: /cpm login/,
    make: () => {
      mkdirSync(join(place.folder, "odd-home/.config/cpm/credentials.json"), { recursive: true });
      return withEnv(install(small), { CPM_REGISTRY: auth.host, HOME: join(place.folder, "odd-home") });
    },
  },
  "a setting that is none": {
    code: "settings/invalid",
    status: 2,
    hint: /"registry"/,
    make: () => {
      place.write("project/cpm.config.yaml", "regsitry: r.example\n");
      return { argv: ["search"], options: { cwd: join(place.folder, "project") } };
    },
  },
  "a key file that others can read": {
    code: "cli/usage",
    status: 2,
    hint: /chmod 600/,
    make: () => {
      place.write("open/cpm.config.yaml", "keyFile: key\n");
      place.write("open/key", "1".repeat(64));
      return { argv: ["list"], options: { cwd: join(place.folder, "open"), env: { COLONIES_PRVKEY: "" } } };
    },
  },
  "no development colony": {
    code: "cli/no-dev",
    status: 5,
    hint: /cpm dev up/,
    make: () => ({ argv: ["dev", "status"] }),
  },
  "a plan that is none": {
    code: "plan/invalid",
    status: 2,
    hint: /--plan/,
    make: () => {
      place.write("no-plan.json", "{}");
      return { argv: ["apply", "no-plan.json"] };
    },
  },
  "a plan that the world has outrun": {
    code: "plan/stale",
    status: 6,
    hint: /--plan/,
    make: async () => {
      await place.cpm(install(small, "--name", "planned", "--plan", "plan.json"));
      for (const argv of [install(small, "--name", "planned"), ["uninstall", "planned"]]) await place.cpm(argv);
      return { argv: ["apply", "plan.json"] };
    },
    leaves: "planned",
  },
  "a question without a terminal": {
    code: "cli/interactive",
    status: 2,
    hint: /--yes/,
    make: () => ({ argv: ["uninstall", "taken", "--purge"] }),
  },
  "the colony keeps no releases": {
    code: "colony/not-prepared",
    status: 6,
    hint: /cpm colony init/,
    make: () => withEnv(install(small, "--skip-requirements"), { COLONIES_COLONY_NAME: "bare" }),
  },
  "the registry is unreachable": {
    code: "registry/unreachable",
    status: 1,
    hint: /network/,
    make: () => withEnv(install(small), { CPM_REGISTRY: `127.0.0.1:${closedPort}` }),
  },
  "the registry is unreachable while publishing": {
    code: "registry/unreachable",
    status: 1,
    hint: /network/,
    make: () => withEnv(["publish", "large"], { CPM_REGISTRY: `127.0.0.1:${closedPort}` }),
  },
  "wrong credentials": {
    code: "cli/login-failed",
    status: 4,
    hint: /[Nn]othing was stored/,
    make: () => ({
      argv: ["login", auth.host, "-u", "me", "--password-stdin"],
      options: { stdin: "wrong\n" },
      after: () => expect(existsSync(join(place.home, ".config/cpm/credentials.json"))).toBe(false),
    }),
  },
  "the registry wants credentials": {
    code: "registry/unauthorized",
    status: 4,
    hint: /cpm login/,
    make: () => withEnv(install(small), { CPM_REGISTRY: auth.host }),
  },
  "bytes that are not those of the digest": {
    code: "store/digest-mismatch",
    status: 7,
    hint: /another source/,
    make: () => ({
      ...withEnv(install(large), { CPM_REGISTRY: damaging.host }),
      after: () => expect(list("ingest")).toEqual([]),
    }),
  },
  "a disk too small for the package": {
    code: "store/no-space",
    status: 1,
    hint: /[Ff]ree some space/,
    unless: whyNoSmallDisk,
    make: () => {
      const disk = smallDisk(256 * 1024);
      const packages = join(disk.path, "packages");
      return {
        ...withEnv(install(large), { CPM_PACKAGES: packages }),
        after: () => expect(readdirSync(join(packages)).includes("trees")).toBe(false),
      };
    },
  },
  "a disk that fills up while packing": {
    code: "store/no-space",
    status: 1,
    hint: /[Ff]ree some space/,
    unless: whyNoSmallDisk,
    make: () => {
      const disk = smallDisk(256 * 1024);
      return {
        ...withEnv(["pack", "large", "--force"], { TMPDIR: disk.path }),
        after: () => {
          expect(readdirSync(disk.path)).toEqual([]);
          expect(readdirSync(place.folder).filter((name) => name.endsWith(".cpm"))).toEqual([]);
        },
      };
    },
  },
  "a disk that fills up while a packed file is written": {
    code: "store/no-space",
    status: 1,
    hint: /[Ff]ree some space/,
    unless: whyNoSmallDisk,
    make: () => {
      const disk = smallDisk(256 * 1024);
      const file = join(disk.path, "large.cpm");
      return { argv: ["pack", "large", "-o", file], after: () => expect(readdirSync(disk.path)).toEqual([]) };
    },
  },
  "a read-only file system": {
    code: "store/read-only",
    status: 7,
    hint: /can be written/,
    unless: whyNoSmallDisk,
    make: () => {
      const disk = smallDisk(256 * 1024);
      disk.makeReadOnly();
      return withEnv(install(small), { CPM_PACKAGES: join(disk.path, "packages") });
    },
  },
  "a directory that may not be written": {
    code: "store/permission",
    status: 7,
    hint: /directory of your own/,
    unless: whyNotUnprivileged,
    make: () => {
      const path = forbidden("locked", 0o555);
      return {
        argv: install(small),
        options: { env: { CPM_PACKAGES: join(path, "packages") }, prefix: unprivileged },
        after: () => expect(readdirSync(path)).toEqual([]),
      };
    },
  },
  "a file that may not be read": {
    code: "store/permission",
    status: 7,
    hint: /access/,
    unless: whyNotUnprivileged,
    make: () => {
      const path = join(place.folder, "private.yaml");
      writeFileSync(path, "who: me\n");
      chmodSync(path, 0o000);
      return { argv: install(small, "--values", path), options: { prefix: unprivileged } };
    },
  },
};

beforeAll(async () => {
  place = await openWorkplace();
  damaging = openFlawedRegistry(place.registry.endpoint, { damageFromBytes: 100_000 });
  auth = startAuthServer("me", "right");
  const probe = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
  closedPort = probe.port ?? 0;
  await probe.stop(true);
  await place.addIdleExecutor("local-executor");
  await place.addColony("bare");
  writeSamplePackage(place, "small", small, "local-executor");
  writeSamplePackage(place, "elsewhere", "rise/elsewhere", "quantum-executor");
  writeSamplePackage(place, "large", large, "local-executor");
  for (let part = 0; part < 16; part++)
    writeFileSync(join(place.folder, `large/payload/data-${part}`), crypto.getRandomValues(new Uint8Array(65_536)));
  for (const name of ["small", "elsewhere", "large"]) {
    const { status, stderr } = await place.cpm(["publish", name]);
    if (status !== 0) throw new Error(stderr);
  }
}, 120_000);

afterAll(async () => {
  for (const disk of disks) disk.remove();
  await damaging?.stop();
  await auth?.stop();
  await place?.stop();
});

test.each(Object.entries(rows))(
  "%s",
  async (name, { code, status, hint, make, unless, leaves }) => {
    const reason = unless?.();
    if (reason !== undefined) {
      process.stderr.write(`not tried: ${name}: ${reason}\n`);
      return;
    }
    const { argv, options, after } = await make();
    const before = await releases();
    const run = await place.cpm([...argv, "--json"], options);
    expect({ status: run.status, error: JSON.parse(run.stderr).error }).toMatchObject({ status, error: { code } });
    const { error } = JSON.parse(run.stderr) as { error: Record<string, unknown> };
    expect(typeof error["message"] === "string" && error["message"] !== "").toBe(true);
    expect(error["hint"]).toMatch(hint);
    expect(run.stdout).toBe("");
    expect(run.stderr.trimEnd().split("\n")).toHaveLength(1);
    for (const secret of [place.env["COLONIES_PRVKEY"] ?? "", "wrong\n"]) expect(run.stderr).not.toContain(secret);
    const added = (await releases()).filter((release) => !before.includes(release));
    expect(added.filter((release) => !release.startsWith(`${leaves ?? ""} `))).toEqual([]);
    expect(place.leftovers()).toEqual([]);
    after?.();
  },
  60_000,
);

/** `name phase`, of all revisions. */
async function releases(): Promise<readonly string[]> {
  const clock = { now: () => 0, sleep: async () => {} };
  const { revisions } = await new ReleaseBook(place.user, clock).read();
  return revisions.map(({ record, status }) => `${record.release} ${status.phase}`);
}

function list(folder: string): readonly string[] {
  const path = join(place.packages, folder);
  return existsSync(path) ? readdirSync(path, { recursive: true }).map(String) : [];
}
