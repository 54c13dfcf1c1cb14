import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { isCpmError } from "@cpm/base";
import { currentProcess } from "@cpm/store";
import type { DevState } from "./dev/dev-state.ts";
import { writeDevState } from "./dev/dev-state.ts";
import type { SettingFlags } from "./settings.ts";
import { resolveSettings, userFolders } from "./settings.ts";
import { createTestContext } from "./testing/test-context.ts";

const root = mkdtempSync(join(tmpdir(), "cpm-settings-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const home = join(root, "home");
const project = join(root, "project");
const inside = join(project, "deep", "down");
const keys = { a: "1".repeat(64), b: "2".repeat(64), dev: "3".repeat(64), owner: "4".repeat(64) };

beforeEach(() => {
  for (const folder of [home, project]) rmSync(folder, { recursive: true, force: true });
  mkdirSync(inside, { recursive: true });
  mkdirSync(join(home, ".config/cpm"), { recursive: true });
});

const resolve = (env: Record<string, string> = {}, flags: SettingFlags = {}) =>
  resolveSettings(createTestContext({ cwd: inside, env: { HOME: home, ...env } }), flags);
const writeProject = (text: string) => writeFileSync(join(project, "cpm.config.yaml"), text);
const writeUser = (text: string) => writeFileSync(join(home, ".config/cpm/config.yaml"), text);

function startDev(change: Partial<DevState> = {}): void {
  writeDevState(join(home, ".local/state/cpm"), {
    process: currentProcess(),
    registry: "localhost:5000",
    server: "http://127.0.0.1:4000",
    colony: "dev",
    userKey: keys.dev,
    ownerKey: keys.owner,
    kind: "embedded",
    packagesRoot: "/nowhere",
    executor: "local",
    ...change,
  });
}

function thrownBy(run: () => unknown): { code: string; message: string; hint: string | undefined } {
  try {
    run();
  } catch (error) {
    if (!isCpmError(error)) throw error;
    return { code: error.code, message: error.message, hint: error.hint };
  }
  throw new Error("nothing was thrown");
}

test("flag over environment over project over user over dev colony, each by itself", () => {
  startDev();
  expect(resolve().registry).toEqual({ host: "localhost:5000" });
  writeUser("registry: user.example\ncolony: of-user\nserver: http://user.example:1\n");
  expect([resolve().registry?.host, resolve().colony]).toEqual(["user.example", "of-user"]);
  writeProject("registry: project.example\ncolony: of-project\n");
  expect([resolve().registry?.host, resolve().colony, resolve().server]).toEqual([
    "project.example",
    "of-project",
    "http://user.example:1",
  ]);
  const env = { CPM_REGISTRY: "env.example", COLONIES_COLONY_NAME: "of-env", COLONIES_SERVER_HOST: "env.example" };
  expect([resolve(env).registry?.host, resolve(env).colony, resolve(env).server]).toEqual([
    "env.example",
    "of-env",
    "http://env.example:50080",
  ]);
  const flags = { registry: "http://flag.example:5", colony: "of-flag", server: "flag.example:7" };
  expect([resolve(env, flags).registry, resolve(env, flags).colony, resolve(env, flags).server]).toEqual([
    { host: "flag.example:5", plainHttp: true },
    "of-flag",
    "http://flag.example:7",
  ]);
});

test("with nothing configured there are only places", () => {
  expect(resolve()).toEqual({
    registry: undefined,
    configuredRegistry: undefined,
    server: undefined,
    colony: undefined,
    colonyosVersion: undefined,
    minimumAgeMs: undefined,
    privateKey: undefined,
    ownerKey: undefined,
    packagesRoot: join(home, ".local/share/cpm/packages"),
    credentialFile: join(home, ".config/cpm/credentials.json"),
    cacheDirectory: join(home, ".cache/cpm"),
    homeDirectory: home,
    usesDev: false,
  });
});

test("an empty variable counts as absent", () => {
  writeProject("registry: project.example\n");
  expect(resolve({ CPM_REGISTRY: "", COLONIES_PRVKEY: "", CPM_PACKAGES: "" })).toMatchObject({
    registry: { host: "project.example" },
    colonyosVersion: undefined,
    minimumAgeMs: undefined,
    privateKey: undefined,
    packagesRoot: join(home, ".local/share/cpm/packages"),
  });
});

test("the nearest project file counts, alone", () => {
  writeProject("registry: far.example\ncolony: far\n");
  writeFileSync(join(project, "deep", "cpm.config.yaml"), "registry: near.example\n");
  expect([resolve().registry?.host, resolve().colony]).toEqual(["near.example", undefined]);
});

test("a path in a file begins at the file, one in a variable where the command runs", () => {
  writeProject("packages: files/here\n");
  expect(resolve().packagesRoot).toBe(join(project, "files/here"));
  expect(resolve({ CPM_PACKAGES: "files" }).packagesRoot).toBe(join(inside, "files"));
  expect(resolve({ CPM_PACKAGES: "/files" }).packagesRoot).toBe("/files");
});

describe("the private key", () => {
  const path = join(project, "key");
  beforeEach(() => {
    writeFileSync(path, `${keys.a}\n`, { mode: 0o600 });
    writeProject("keyFile: key\n");
  });
  test("comes from the environment, else from the key file, else from the dev colony", () => {
    startDev();
    expect(resolve({ COLONIES_PRVKEY: keys.b }).privateKey).toBe(keys.b);
    expect(resolve().privateKey).toBe(keys.a);
    writeProject("");
    expect(resolve().privateKey).toBe(keys.dev);
  });
  test.each([0o644, 0o640, 0o604])("is refused from a file of mode %o, with the command that mends it", (mode) => {
    chmodSync(path, mode);
    expect(thrownBy(() => resolve())).toEqual({
      code: "cli/usage",
      message: `the key file ${path} can be read by others`,
      hint: `chmod 600 ${path}`,
    });
  });
  test("whose file is not there is missed by name", () => {
    rmSync(path);
    expect(thrownBy(() => resolve())).toMatchObject({ code: "cli/no-file", message: `there is no key file ${path}` });
  });
});

describe("the dev colony", () => {
  test("gives what is not configured, its owner's key among it", () => {
    startDev();
    expect(resolve()).toMatchObject({
      registry: { host: "localhost:5000" },
      server: "http://127.0.0.1:4000",
      colony: "dev",
      privateKey: keys.dev,
      ownerKey: keys.owner,
      usesDev: true,
    });
  });
  test("never gives its keys or its name to another server", () => {
    startDev();
    const other = resolve({ COLONIES_SERVER_HOST: "other.example" });
    expect([other.server, other.colony, other.privateKey, other.ownerKey]).toEqual([
      "http://other.example:50080",
      undefined,
      undefined,
      undefined,
    ]);
    expect(resolve({}, { server: "http://127.0.0.1:4000" }).privateKey).toBe(keys.dev);
  });
  test("counts for nothing when its process has ended", () => {
    startDev({ process: { pid: 2 ** 22 + 1, started: "1" } });
    expect(resolve()).toMatchObject({ registry: undefined, server: undefined, usesDev: false });
  });
});

test.each<[what: string, run: () => unknown, code: string, hint: RegExp]>([
  ["--registry", () => resolve({}, { registry: "not a host" }), "cli/usage", /registry\.example\.org/],
  ["--registry with a path", () => resolve({}, { registry: "host/path" }), "cli/usage", /registry\.example\.org/],
  ["CPM_REGISTRY", () => resolve({ CPM_REGISTRY: "ftp://x" }), "cli/usage", /registry\.example\.org/],
  ["--server", () => resolve({}, { server: "ftp://x" }), "cli/usage", /localhost:50080/],
  ["--server without a host", () => resolve({}, { server: "http://" }), "cli/usage", /localhost:50080/],
])("a wrong %s is refused with an example", (_what, run, code, hint) => {
  const error = thrownBy(run);
  expect(error.code).toBe(code);
  expect(error.hint).toMatch(hint);
});

test.each<[text: string, message: RegExp]>([
  ["regsitry: x.example\n", /cpm\.config\.yaml:1:1: error: unknown key "regsitry"/],
  ["registry: [a]\n", /cpm\.config\.yaml:1:11: error:/],
  ["server: no-address\n", /cpm\.config\.yaml:1:9: error:/],
])("a settings file with %j is refused with the place", (text, message) => {
  writeProject(text);
  const error = thrownBy(() => resolve());
  expect(error.code).toBe("settings/invalid");
  expect(error.message).toMatch(message);
});

test("the user's folders follow XDG, and a relative path in a variable is ignored", () => {
  expect(userFolders({ HOME: "/h" })).toEqual({
    home: "/h",
    config: "/h/.config/cpm",
    data: "/h/.local/share/cpm",
    state: "/h/.local/state/cpm",
    cache: "/h/.cache/cpm",
  });
  const set = {
    HOME: "/h",
    XDG_CONFIG_HOME: "/c",
    XDG_DATA_HOME: "relative",
    XDG_STATE_HOME: "",
    XDG_CACHE_HOME: "/x",
  };
  expect(userFolders(set)).toMatchObject({
    config: "/c/cpm",
    data: "/h/.local/share/cpm",
    state: "/h/.local/state/cpm",
    cache: "/x/cpm",
  });
  expect(userFolders({}).home).toBe(homedir());
});

test("the version of ColonyOS is said by flag, variable and file, and must be one", () => {
  writeProject("colonyosVersion: 1.9.11\n");
  expect(resolve().colonyosVersion).toBe("1.9.11");
  expect(resolve({ CPM_COLONYOS_VERSION: "v1.9.12" }).colonyosVersion).toBe("1.9.12");
  expect(resolve({ CPM_COLONYOS_VERSION: "1.9.12" }, { "colonyos-version": "2.0.0" }).colonyosVersion).toBe("2.0.0");
  expect(() => resolve({}, { "colonyos-version": "new" })).toThrow('--colonyos-version is "new"');
});

test("the least age of versions is said by flag, variable and file, and must be a duration", () => {
  writeProject("minAge: 1d\n");
  expect(resolve().minimumAgeMs).toBe(86_400_000);
  expect(resolve({ CPM_MIN_AGE: "2h" }).minimumAgeMs).toBe(7_200_000);
  expect(resolve({ CPM_MIN_AGE: "2h" }, { "min-age": 0 }).minimumAgeMs).toBe(0);
  expect(() => resolve({ CPM_MIN_AGE: "soon" })).toThrow('CPM_MIN_AGE is "soon"');
  writeProject("minAge: tomorrow\n");
  expect(() => resolve()).toThrow(expect.objectContaining({ code: "settings/invalid" }));
});
