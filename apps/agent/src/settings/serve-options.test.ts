import { describe, expect, test } from "bun:test";
import { toServeOptions } from "./serve-options.ts";
import { agentSettings } from "./setting-table.ts";

const needed = ["--root", "/r", "--registry", "127.0.0.1:1", "--socket", "/s"];
const options = (...flags: readonly string[]) =>
  toServeOptions(agentSettings.read([...needed, ...flags], {}), {}, () => {});

describe("what a node keeps", () => {
  test("is limited by the disk and by nothing else, unless it is said", () => {
    expect(options()).toMatchObject({ keepUnusedMs: undefined, waterMarks: { high: 0.9, low: 0.8 } });
    expect(options().limits.namespaceQuotaBytes).toBeUndefined();
    const flags = ["--keep-unused", "30d", "--high-water", "95%", "--low-water", "50%", "--namespace-quota", "2GB"];
    expect(options(...flags)).toMatchObject({
      keepUnusedMs: 30 * 24 * 3_600_000,
      waterMarks: { high: 0.95, low: 0.5 },
      limits: { namespaceQuotaBytes: 2_000_000_000 },
    });
    expect(options("--high-water", "off").waterMarks).toBeUndefined();
  });

  test.each([
    [["--high-water", "0.9"], "highWater"],
    [["--high-water", "100%"], "highWater"],
    [["--high-water", "70%"], "lowWater"],
    [["--low-water", "90%"], "lowWater"],
    [["--keep-unused", "long"], "keepUnused"],
    [["--namespace-quota", "0"], "namespaceQuota"],
  ])("%j is refused, with its name", (flags, name) => {
    expect(() => options(...flags)).toThrow(new RegExp(`^${name} is `));
  });
});

test("what is kept is read again each month, slowly, unless it is said", () => {
  expect(options()).toMatchObject({ scrubEveryMs: 30 * 24 * 3_600_000, scrubBytesPerSecond: 20_000_000 });
  expect(options("--scrub-every", "off").scrubEveryMs).toBeUndefined();
  expect(options("--scrub-every", "1d", "--scrub-rate", "1GB")).toMatchObject({
    scrubEveryMs: 24 * 3_600_000,
    scrubBytesPerSecond: 1_000_000_000,
  });
  expect(() => options("--scrub-rate", "10kB")).toThrow(/^scrubRate is /);
  expect(() => options("--scrub-every", "often")).toThrow(/^scrubEvery is /);
});

describe("a colony", () => {
  const whole = ["--colony-server", "http://127.0.0.1:50080", "--colony", "dev", "--key", "/k"];

  test("is configured whole or not at all", () => {
    expect(options().executor).toBeUndefined();
    expect(options(...whole).executor).toMatchObject({ colonyName: "dev", keyPath: "/k", name: undefined });
    expect(() => options("--colony", "dev")).toThrow("--colony-server is missing");
    expect(() => options("--key", "/k")).toThrow("--colony-server is missing");
    expect(() => options(...whole.slice(0, 4))).toThrow("--key is missing");
    expect(() => options(...whole.slice(0, 2), ...whole.slice(4))).toThrow("--colony is missing");
  });

  test("has a server by http, at no path", () => {
    expect(() => options("--colony-server", "127.0.0.1:50080", ...whole.slice(2))).toThrow(/^colonyServer is /);
    expect(() => options("--colony-server", "http://h/api", ...whole.slice(2))).toThrow(/^colonyServer is /);
  });
});
