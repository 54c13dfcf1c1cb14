import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { CpmError } from "@cpm/base";
import { LatencyHistogram, ProgramSettings, SettingReader, tellFailure, UsageError } from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "cpm-settings-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const settings = new ProgramSettings("CPM_X", {
  root: { value: "DIR", meaning: "where" },
  maxSize: { type: "size", default: "1MiB", meaning: "the largest" },
  peers: { type: "list", flag: "peer", meaning: "others" },
  password: { secret: true, meaning: "nobody's business" },
  open: { type: "flag", meaning: "for everybody" },
});

test("a flag comes before a variable, a variable before the file, the file before the default", () => {
  const path = join(folder, "x.yaml");
  writeFileSync(path, "root: file\nmaxSize: 7\npeers: [a, b]\nopen: true\n");
  const environment = { CPM_X_CONFIG: path, CPM_X_ROOT: "variable", CPM_X_PASSWORD: "hush" };
  expect(settings.read(["--root", "flag"], environment)).toEqual({
    root: { text: "flag", source: "--root" },
    maxSize: { text: "7", source: path },
    peers: { text: "a b", source: path, entries: ["a", "b"] },
    password: { text: "hush", source: "CPM_X_PASSWORD" },
    open: { text: "true", source: path },
  });
  expect(settings.read([], environment).root).toEqual({ text: "variable", source: "CPM_X_ROOT" });
  expect(settings.read([], {})).toEqual({ maxSize: { text: "1MiB", source: "default" } });
  expect(settings.readWith({ force: { type: "boolean" } }, ["--force"], {}).values.force).toBe(true);
});

test("a secret has no flag and is not shown, nor is a password in an address", () => {
  expect(() => settings.read(["--password", "hush"], {})).toThrow("Unknown option");
  const read = settings.read(["--root", "http://me:hush@host/"], { CPM_X_PASSWORD: "hush" });
  expect(JSON.stringify(settings.withoutSecrets(read))).not.toContain("hush");
  expect(String(new SettingReader(read).fault("root", "right"))).not.toContain("hush");
});

test("variables that only look like the program's are told, and the help names all that can be set", () => {
  expect(settings.strangeVariables({ CPM_X_RODT: "1", CPM_X_ROOT: "1", CPM_X_CONFIG: "1", HOME: "/" })).toEqual([
    "CPM_X_RODT is set and is none of this program's variables",
  ]);
  expect(settings.describe(22)).toBe(
    [
      "  --root DIR          where",
      "  --max-size SIZE     the largest (default 1MiB)",
      "  --peer LIST         others",
      "  CPM_X_PASSWORD      nobody's business; this variable or the file only, no flag",
      "  --open              for everybody",
    ].join("\n"),
  );
});

test("texts become values of their types, or errors that say where they are from", () => {
  const read = (...args: string[]) => new SettingReader(settings.read(args, {}));
  expect(read().size("maxSize")).toBe(2 ** 20);
  expect(read("--max-size", "12").size("maxSize")).toBe(12);
  expect(read("--open").flag("open")).toBe(true);
  expect(read("--peer", "a", "--peer", "b").list("peers").entries).toEqual(["a", "b"]);
  expect(read("--root", "5m").duration("root")).toBe(300_000);
  expect(() => read("--root", "2d").duration("root")).toThrow('root is "2d" (--root), which is not a duration');
  expect(() => read("--max-size", "0").size("maxSize")).toThrow("which is not a size");
  expect(() => read().required("root")).toThrow("--root is missing");
});

test("a failure is told in one form, and its kind is the exit status", () => {
  const told: string[] = [];
  const tell = (error: unknown, json = false) =>
    tellFailure(error, { program: "cpm-x", json, tell: (text) => told.push(text) });
  const failure = new CpmError("x/gone", "not_found", "it is gone", { hint: "Look elsewhere." });
  expect(tell(new UsageError("no such thing"))).toBe(2);
  let parsed: unknown;
  try {
    parseArgs({ args: ["--no"] });
  } catch (error) {
    parsed = error;
  }
  expect([tell(parsed), tell(failure), tell(failure, true)]).toEqual([2, 5, 5]);
  expect(told[0]).toBe("error: no such thing [cli/usage]\n  hint: cpm-x --help\n");
  expect(told[2]).toBe("error: it is gone [x/gone]\n  hint: Look elsewhere.\n");
  expect(JSON.parse(told[3] ?? "").error).toMatchObject({ code: "x/gone", kind: "not_found" });
});

test("a histogram counts what took at most so long, for each value of its label", () => {
  const histogram = new LatencyHistogram({ name: "x_seconds", help: "So long.", label: "kind", boundsS: [0.1, 1] });
  for (const durationMs of [50, 100, 500, 5000]) histogram.observe("a", durationMs);
  expect(histogram.format()).toEqual([
    "# HELP x_seconds So long.",
    "# TYPE x_seconds histogram",
    'x_seconds_bucket{kind="a",le="0.1"} 2',
    'x_seconds_bucket{kind="a",le="1"} 3',
    'x_seconds_bucket{kind="a",le="+Inf"} 4',
    'x_seconds_sum{kind="a"} 5.65',
    'x_seconds_count{kind="a"} 4',
  ]);
});
