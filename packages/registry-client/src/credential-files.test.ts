import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { credentialFile, userCredentials } from "./credential-files.ts";
import type { Credential, CredentialStore } from "./credentials.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-credentials-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
let count = 0;
const fresh = (): string => join(scratch, String(count++));

const ada: Credential = { kind: "password", username: "ada", password: "pass:word" };
const auth = btoa("ada:pass:word");

describe("docker's config.json", () => {
  test.each<[string, object, Credential | undefined]>([
    ["a name and a password", { auths: { "registry.example": { auth } } }, ada],
    ["them in the clear", { auths: { "registry.example": { username: "ada", password: "pass:word" } } }, ada],
    [
      "an identity token, before a password",
      { auths: { "registry.example": { auth, identitytoken: "i" } } },
      { kind: "identity-token", token: "i" },
    ],
    [
      "an access token",
      { auths: { "registry.example": { registrytoken: "r" } } },
      { kind: "access-token", token: "r" },
    ],
    ["a key with a scheme and a path", { auths: { "https://registry.example/v2/": { auth } } }, ada],
    ["an entry that says nothing", { auths: { "registry.example": {} } }, undefined],
    ["an entry that is no base64", { auths: { "registry.example": { auth: "%%%" } } }, undefined],
    ["an entry without a colon", { auths: { "registry.example": { auth: btoa("ada") } } }, undefined],
    ["another host", { auths: { "registry.example:5000": { auth } } }, undefined],
    ["nothing at all", {}, undefined],
  ])("holds %s", async (_, document, expected) => {
    expect(await fileWith(document).get("registry.example", "rise/wordcount")).toEqual(expected);
  });

  test("knows docker's own registry by all its names", async () => {
    const file = fileWith({ auths: { "https://index.docker.io/v1/": { auth } } });
    for (const name of ["docker.io", "index.docker.io", "registry-1.docker.io"])
      expect(await file.get(name)).toEqual(ada);
  });

  test("of containers has keys with paths, the longest first", async () => {
    const entry = (username: string) => ({ auth: btoa(`${username}:x`) });
    const file = fileWith({
      auths: {
        "registry.example": entry("host"),
        "registry.example/rise": entry("namespace"),
        "registry.example/rise/wordcount": entry("repository"),
      },
    });
    const userOf = async (repository?: string) => {
      const found = await file.get("registry.example", repository);
      return found?.kind === "password" ? found.username : undefined;
    };
    expect(await userOf("rise/wordcount")).toBe("repository");
    expect(await userOf("rise/other")).toBe("namespace");
    expect(await userOf("rise")).toBe("namespace");
    expect(await userOf("risen/wordcount")).toBe("host");
    expect(await userOf()).toBe("host");
  });

  test.each(["nonsense", "[]", '{"auths":'])("that is %p is an error which does not show it", async (text) => {
    const path = fresh();
    writeFileSync(path, `${text}secret`);
    const failed = credentialFile(path).get("registry.example");
    expect(failed).rejects.toMatchObject({ code: "registry/credentials", message: expect.stringContaining(path) });
    expect(failed).rejects.toThrow(expect.objectContaining({ message: expect.not.stringContaining("secret") }));
  });

  test("that is a directory is an error", () => {
    const path = fresh();
    mkdirSync(path);
    expect(credentialFile(path).get("registry.example")).rejects.toMatchObject({ code: "registry/credentials" });
  });
});

describe("a user's sources", () => {
  test("are our own file, containers' and docker's, in this order", async () => {
    const home = fresh();
    const own = join(home, "cpm", "credentials.json");
    const write = (path: string, hosts: readonly string[], username: string) => {
      mkdirSync(join(path, ".."), { recursive: true });
      const auths = Object.fromEntries(hosts.map((host) => [host, { auth: btoa(`${username}:x`) }]));
      writeFileSync(path, JSON.stringify({ auths }));
    };
    write(own, ["a"], "own");
    write(join(home, "run/containers/auth.json"), ["a", "b"], "containers");
    write(join(home, ".docker/config.json"), ["a", "b", "c"], "docker");
    write(join(home, "elsewhere/config.json"), ["c"], "elsewhere");
    write(join(home, "auth.json"), ["b"], "named");
    const ask = async (environment: Record<string, string>, host: string) => {
      const found = await userCredentials(own, home, environment).get(host);
      return found?.kind === "password" ? found.username : undefined;
    };
    const runtime = { XDG_RUNTIME_DIR: join(home, "run") };
    for (const [host, expected] of [
      ["a", "own"],
      ["b", "containers"],
      ["c", "docker"],
      ["d", undefined],
    ] as const)
      expect(await ask(runtime, host)).toBe(expected);
    expect(await ask({}, "b")).toBe("docker");
    expect(await ask({ DOCKER_CONFIG: join(home, "elsewhere") }, "c")).toBe("elsewhere");
    expect(await ask({ ...runtime, REGISTRY_AUTH_FILE: join(home, "auth.json") }, "b")).toBe("named");
  });
});

describe("our own file", () => {
  test("is made for its owner alone, kept whole and read back", async () => {
    const folder = fresh();
    const path = join(folder, "cpm/credentials.json");
    const file = credentialFile(path);
    expect(await file.get("registry.example")).toBeUndefined();
    expect(await file.erase("registry.example")).toBe(false);
    for (const credential of [
      ada,
      { kind: "identity-token", token: "i" },
      { kind: "access-token", token: "a" },
    ] as const) {
      await file.store("registry.example", credential);
      expect(await file.get("registry.example", "rise/wordcount")).toEqual(credential);
    }
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, "cpm")).mode & 0o777).toBe(0o700);
    await file.store("other.example:5000", ada);
    expect(await file.erase("registry.example")).toBe(true);
    expect(await file.erase("registry.example")).toBe(false);
    expect(await file.get("other.example:5000")).toEqual(ada);
    expect(readdirSync(join(folder, "cpm"))).toEqual(["credentials.json"]);
  });

  test("keeps what it does not understand, and one entry for a registry", async () => {
    const path = fresh();
    writeFileSync(path, JSON.stringify({ auths: { "https://registry.example": { auth } }, HttpHeaders: { a: "b" } }));
    chmodSync(path, 0o644);
    await credentialFile(path).store("registry.example", { kind: "identity-token", token: "i" });
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({
      auths: { "registry.example": { identitytoken: "i" } },
      HttpHeaders: { a: "b" },
    });
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("that cannot be written is an error and leaves nothing", () => {
    const path = fresh();
    writeFileSync(path, "{}");
    expect(credentialFile(join(path, "x")).store("a", ada)).rejects.toMatchObject({ code: "registry/credentials" });
  });
});

describe("a credential helper", () => {
  const programs = fresh();
  mkdirSync(programs);
  const kept = join(programs, "kept");
  const environment = { PATH: [programs, process.env["PATH"] ?? ""].join(delimiter), KEPT: kept };
  program(
    "test",
    'case "$1" in get) read -r server; [ -f "$KEPT/$server" ] || { echo "not found"; exit 1; }; cat "$KEPT/$server";; store) mkdir -p "$KEPT"; cat > "$KEPT/stored";; erase) read -r server; rm "$KEPT/$server" 2>/dev/null;; esac',
  );
  program("deaf", "exit 1");
  program("mad", "echo '<html>'");
  program("empty", 'echo \'{"Username":"","Secret":""}\'');
  program("endless", "yes");
  mkdirSync(kept);
  const keep = (server: string, username: string, secret: string) =>
    writeFileSync(join(kept, server), JSON.stringify({ ServerURL: server, Username: username, Secret: secret }));

  test("is asked for its registries, or for all", async () => {
    keep("one.example", "ada", "from the helper");
    const answer = { kind: "password", username: "ada", password: "from the helper" } as const;
    expect(await fileWith({ credHelpers: { "one.example": "test" } }, environment).get("one.example", "a/b")).toEqual(
      answer,
    );
    const file = fileWith({ credsStore: "test", auths: { "one.example": {}, "two.example": { auth } } }, environment);
    expect(await file.get("one.example")).toEqual(answer);
    expect(await file.get("two.example")).toEqual(ada);
    expect(await file.get("three.example")).toBeUndefined();
  });

  test("may have an identity token", async () => {
    keep("token.example", "<token>", "i");
    const file = fileWith({ credsStore: "test" }, environment);
    expect(await file.get("token.example")).toEqual({ kind: "identity-token", token: "i" });
  });

  test("keeps and forgets where the file names it", async () => {
    const file = fileWith({ credHelpers: { "kept.example": "test" } }, environment);
    await file.store("kept.example", ada);
    expect(JSON.parse(readFileSync(join(kept, "stored"), "utf8"))).toEqual({
      ServerURL: "kept.example",
      Username: "ada",
      Secret: "pass:word",
    });
    keep("kept.example", "ada", "x");
    expect(await file.erase("kept.example")).toBe(true);
    expect(await file.erase("kept.example")).toBe(false);
    expect(await file.get("kept.example")).toBeUndefined();
  });

  test("that has nothing to say says nothing", async () => {
    for (const credsStore of ["deaf", "empty"]) {
      expect(await fileWith({ credsStore }, environment).get("registry.example".repeat(10_000))).toBeUndefined();
    }
  });

  test.each(["mad", "endless", "not-there", "../test", "a b", ""])(
    "named %p is an error, or none at all",
    async (name) => {
      const got = fileWith({ credHelpers: { "registry.example": name } }, environment).get("registry.example");
      expect(got).rejects.toMatchObject({ code: "registry/credentials" });
    },
  );

  test("that does not keep is an error", () => {
    const file = fileWith({ credsStore: "deaf" }, environment);
    expect(file.store("registry.example", ada)).rejects.toMatchObject({ code: "registry/credentials" });
  });

  function program(name: string, script: string): void {
    writeFileSync(join(programs, `docker-credential-${name}`), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
});

function fileWith(document: object, environment: Record<string, string> = {}): CredentialStore {
  const path = fresh();
  writeFileSync(path, JSON.stringify(document));
  return credentialFile(path, environment);
}
