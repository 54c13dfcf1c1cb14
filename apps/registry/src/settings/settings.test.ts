import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultCollectSettings } from "../collect/collect-settings.ts";
import { registrySettings } from "./setting-table.ts";
import { toServeOptions } from "./serve-options.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-settings-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
let count = 0;
const fileWith = (text: string): string => {
  const path = join(scratch, `${count++}.yaml`);
  writeFileSync(path, text);
  return path;
};
const optionsOf = (args: string[], environment = {}) =>
  toServeOptions(registrySettings.read(args, environment), () => undefined);
const data = ["--data", "somewhere"];

function thrownBy(step: () => unknown): string {
  try {
    step();
    return "nothing was thrown";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

describe("a setting", () => {
  test("comes from the flag before the variable, before the file, before the default", () => {
    const config = fileWith("data: from-file\nlisten: 127.0.0.1:1\ntokensPerMinute: 7\nopen: true\n");
    const environment = {
      CPM_REGISTRY_CONFIG: config,
      CPM_REGISTRY_DATA: "from-environment",
      CPM_REGISTRY_LISTEN: "127.0.0.1:2",
      CPM_REGISTRY_PUBLIC_URL: "",
    };
    const settings = registrySettings.read(["--listen", "127.0.0.1:3"], environment);
    expect(settings).toMatchObject({
      listen: { text: "127.0.0.1:3", source: "--listen" },
      data: { text: "from-environment", source: "CPM_REGISTRY_DATA" },
      tokensPerMinute: { text: "7", source: config },
      publishesPerMinute: { text: "1200", source: "default" },
    });
    expect(settings.publicUrl).toBeUndefined();
    expect(toServeOptions(settings, () => undefined)).toMatchObject({
      dataDirectory: "from-environment",
      hostname: "127.0.0.1",
      port: 3,
      access: "open",
      limits: { tokensPerMinute: 7, maxBlobBytes: 100 * 1024 ** 3 },
      graceMs: 10_000,
    });
  });

  test("can be given in each of the three ways", () => {
    for (const name of registrySettings.names) {
      const [flag, variable] = [registrySettings.flagOf(name), registrySettings.variableOf(name)];
      const text = { log: "off", listen: "h:1", publicUrl: "https://a.b" }[name as string] ?? "true";
      const { type } = registrySettings.settingOf(name);
      const args = type === "flag" ? [`--${flag}`] : [`--${flag}`, text];
      const value = type === "list" ? { text, entries: [text] } : { text };
      if (registrySettings.isSecret(name)) expect(() => registrySettings.read(args, {})).toThrow("Unknown option");
      else expect(registrySettings.read(args, {})[name]).toEqual({ ...value, source: `--${flag}` });
      expect(registrySettings.read([], { [variable]: text })[name]).toEqual({ ...value, source: variable });
      const path = fileWith(JSON.stringify({ [name]: type === "list" ? [text] : text }));
      expect(registrySettings.read(["--config", path], {})[name]).toEqual({ ...value, source: path });
    }
  });

  test("says where blobs are, and keeps the secret to itself", () => {
    const s3 = ["--s3-endpoint", "https://s3.test", "--s3-bucket", "cpm", "--s3-access-key-id", "id"];
    const environment = { CPM_REGISTRY_S3_SECRET_ACCESS_KEY: "hush" };
    const of = (...more: string[]) =>
      toServeOptions(registrySettings.read([...data, ...s3, ...more], environment), () => {});
    expect(of("--redirect-blobs", "--s3-prefix", "a/b/")).toMatchObject({
      s3: { endpoint: "https://s3.test", bucket: "cpm", region: "us-east-1", accessKeyId: "id", prefix: "a/b/" },
      redirectFromBytes: 1024 ** 2,
    });
    expect(of().redirectFromBytes).toBeUndefined();
    expect(JSON.stringify(registrySettings.withoutSecrets(registrySettings.read(s3, environment)))).not.toContain(
      "hush",
    );
    for (const wrong of [
      ["--s3-prefix", "/a"],
      ["--s3-bucket", "A"],
      ["--s3-endpoint", "s3.test"],
    ])
      expect(() => of(...wrong)).toThrow("which is not");
    expect(() => optionsOf([...data, ...s3])).toThrow("CPM_REGISTRY_S3_SECRET_ACCESS_KEY is missing");
    expect(() => optionsOf([...data, "--redirect-blobs"])).toThrow("--s3-endpoint is missing");
  });

  test("says where a PostgreSQL is, and keeps the password to itself wherever it stands", () => {
    const of = (url: string, environment = {}, ...more: string[]) =>
      optionsOf([...data, "--database", url, ...more], environment).postgres;
    expect(of("postgres://ada@db.test/cpm")).toEqual({
      host: "db.test",
      port: 5432,
      database: "cpm",
      user: "ada",
      tls: "verified",
      connections: 8,
    });
    const inVariable = { CPM_REGISTRY_DATABASE_PASSWORD: "hush" };
    expect(of("postgresql://a%40b@[::1]:6432/cpm", inVariable, "--database-connections", "3")).toMatchObject({
      host: "::1",
      port: 6432,
      user: "a@b",
      password: "hush",
      tls: "off",
      connections: 3,
    });
    expect(of("postgres://ada:h%2Fush@db/cpm?sslmode=require")).toMatchObject({ password: "h/ush", tls: "unverified" });
    expect(of("postgres://ada@localhost/cpm?host=/run/postgresql")).toMatchObject({
      host: "/run/postgresql",
      tls: "off",
    });
    expect(of(`postgres://ada@db/cpm?sslrootcert=${fileWith("PEM")}`)).toMatchObject({ certificates: "PEM" });
    for (const environment of [inVariable, { CPM_REGISTRY_DATABASE: "postgres://ada:hush@db/cpm" }]) {
      const shown = JSON.stringify(registrySettings.withoutSecrets(registrySettings.read([], environment)));
      expect([shown.includes("hush"), shown.includes("(not shown)")]).toEqual([false, true]);
    }
    for (const wrong of [
      "mysql://ada@db/cpm",
      "db",
      "postgres://db/cpm",
      "postgres://ada@db",
      "postgres://ada@db/a/b",
      "postgres://ada:hu@sh@db:port/cpm",
      "postgres://ada:hush@db/cpm?sslmode=prefer",
      "postgres://ada:hush@db/cpm?user=otto",
    ])
      expect(thrownBy(() => of(wrong))).toMatch(
        /^database is "((?!hush|hu@sh).)*" \(--database\), which is not an address/,
      );
    expect(() => of("postgres://ada@db/cpm?sslrootcert=/none")).toThrow("sslrootcert cannot be read");
    expect(() => of("postgres://ada@db/cpm", {}, "--database-connections", "1001")).toThrow("databaseConnections");
  });

  test("needs no directory where PostgreSQL and S3 have everything", () => {
    const s3 = ["--s3-endpoint", "https://s3.test", "--s3-bucket", "cpm", "--s3-access-key-id", "id"];
    const secret = { CPM_REGISTRY_S3_SECRET_ACCESS_KEY: "hush" };
    const database = ["--database", "postgres://ada@db/cpm"];
    expect(optionsOf([...database, ...s3], secret)).not.toHaveProperty("dataDirectory");
    expect(() => optionsOf(database)).toThrow("--data is missing");
    expect(() => optionsOf(s3, secret)).toThrow("--data is missing");
  });

  test("says what is mirrored, once or several times, and keeps the passwords to itself", () => {
    const mirrors = ["--mirror", "acme=https://a.test", "--mirror", "team-*=https://b.test/cpm"];
    const environment = { CPM_REGISTRY_MIRROR_CREDENTIALS: "a.test=us:hush:hush  b.test=us:secret" };
    const settings = registrySettings.read([...data, ...mirrors, "--mirror-max-age", "90d"], environment);
    const { mirrors: options } = toServeOptions(settings, () => undefined);
    expect(options?.rules.map(({ pattern, prefix }) => [pattern, prefix])).toEqual([
      ["acme", ""],
      ["team-*", "cpm/"],
    ]);
    expect(options?.credentials?.get("a.test")).toEqual({ kind: "password", username: "us", password: "hush:hush" });
    expect(options).toMatchObject({ freshMs: 60_000, maxBytes: 10 * 1024 ** 3, maxAgeMs: 90 * 86_400_000 });
    expect(JSON.stringify(registrySettings.withoutSecrets(settings))).not.toMatch(/hush|secret/);
    const file = fileWith("mirrors:\n  - acme=https://a.test\nmirrorCredentials: ['a.test=us:with space']\n");
    const fromFile = optionsOf([...data, "--config", file]).mirrors;
    expect(fromFile?.rules).toHaveLength(1);
    expect(fromFile?.credentials?.get("a.test")).toMatchObject({ password: "with space" });
    expect(optionsOf(data).mirrors?.rules).toEqual([]);
  });

  test.each([
    ["a.test=no-password", "mirrorCredentials (CPM_REGISTRY_MIRROR_CREDENTIALS) has an entry"],
    ["other.test=us:hush", "credentials for other.test, and no --mirror"],
    ["plain.test=us:hush", "the credentials for plain.test need https"],
  ])("refuses the credentials %p without repeating them", (text, why) => {
    const mirrors = ["--mirror", "acme=https://a.test", "--mirror", "team=http://plain.test"];
    const read = () => optionsOf([...data, ...mirrors], { CPM_REGISTRY_MIRROR_CREDENTIALS: text });
    expect(read).toThrow(why);
    expect(read).not.toThrow(/hush|no-password/);
  });

  test("reads sizes, durations, addresses and levels", () => {
    expect(optionsOf([...data, "--max-blob-size", "500MB"]).limits?.maxBlobBytes).toBe(500_000_000);
    expect(optionsOf([...data, "--max-blob-size", "5"]).limits?.maxBlobBytes).toBe(5);
    expect(optionsOf([...data, "--grace", "1m30s"]).graceMs).toBe(90_000);
    expect(optionsOf([...data, "--listen", "[::1]:0"])).toMatchObject({ hostname: "::1", port: 0, access: "users" });
    expect(optionsOf([...data, "--open-anywhere"])).toMatchObject({ access: "open", openAnywhere: true });
    expect(optionsOf(data).collect).toEqual(defaultCollectSettings);
    expect(optionsOf([...data, "--collect-delay", "7d", "--collect-untagged-after", "90d"]).collect).toMatchObject({
      delayMs: 7 * 24 * 60 * 60_000,
      untaggedAfterMs: 90 * 24 * 60 * 60_000,
    });
    const lines: string[] = [];
    const entry = {
      requestId: "r",
      method: "GET",
      path: "/",
      route: "other",
      durationMs: 1,
      address: "a",
      sentBytes: 0,
    };
    for (const level of ["off", "errors", "requests"]) {
      const { log, logged = () => true } = toServeOptions(
        registrySettings.read([...data, "--log", level], {}),
        (line) => lines.push(`${level} ${line}`),
      );
      for (const status of [200, 500]) if (logged(status)) log?.({ ...entry, status });
    }
    expect(lines.map((line) => line.slice(0, 8))).toEqual(["errors {", "requests", "requests"]);
  });

  test.each([
    [["--listen", "nowhere"], "listen"],
    [["--listen", "h:70000"], "listen"],
    [["--max-blob-size", "0"], "maxBlobSize"],
    [["--max-blob-size", "5 pounds"], "maxBlobSize"],
    [["--grace", "soon"], "grace"],
    [["--collect-delay", "367d"], "collectDelay"],
    [["--collect-interval", "0s"], "collectInterval"],
    [["--collect-untagged-after", "always"], "collectUntaggedAfter"],
    [["--tokens-per-minute=-1"], "tokensPerMinute"],
    [["--publishes-per-minute", "1.5"], "publishesPerMinute"],
    [["--log", "everything"], "log"],
    [["--public-url", "registry.example.org"], "publicUrl"],
    [["--public-url", "https://a.b/path"], "publicUrl"],
    [["--tls-cert", "x"], "--tls-key"],
    [["stray"], "stray"],
    [["--no-such"], "no-such"],
    [["--mirror", "acme"], "is no mirror"],
    [["--mirror-fresh", "2d"], "mirrorFresh"],
    [["--mirror-max-age", "11000d"], "mirrorMaxAge"],
  ])("%j is refused by name", (args, named) => {
    expect(() => optionsOf([...data, ...args])).toThrow(named);
  });

  test.each([
    ["lisen: 127.0.0.1:1", "listen was meant?"],
    ["- a list", "no list of settings"],
    ["listen: [1, 2]", "listen is no text"],
    ["mirrors: acme=https://a.test", "mirrors is no list of texts"],
    ["mirrors: [1]", "mirrors is no list of texts"],
    ["a: {", "cannot be read"],
  ])("a file with %p is refused", (text, why) => {
    expect(() => registrySettings.read(["--config", fileWith(text)], {})).toThrow(why);
  });

  test("an empty file is one, and one that is not there is not", () => {
    expect(registrySettings.read(["--config", fileWith("")], {}).log?.text).toBe("errors");
    expect(() => registrySettings.read(["--config", join(scratch, "none")], {})).toThrow("cannot be read");
    expect(() => optionsOf([])).toThrow("--data is missing");
  });
});
