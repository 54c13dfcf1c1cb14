import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../colonies/until.ts";
import type { FlawedRegistry } from "./flawed-registry.ts";
import { openFlawedRegistry } from "./flawed-registry.ts";
import { openTerminal, whyNoTerminal } from "./terminal.ts";
import type { Workplace } from "./workplace.ts";
import { openWorkplace } from "./workplace.ts";

const absent = whyNoTerminal();
if (absent !== undefined) process.stderr.write(`nothing is tried on a terminal: ${absent}\n`);

describe.skipIf(absent !== undefined)(`on a terminal${absent === undefined ? "" : `: ${absent}`}`, () => {
  let place: Workplace;
  let slow: FlawedRegistry;
  beforeAll(async () => {
    place = await openWorkplace();
    slow = openFlawedRegistry(place.registry.endpoint, { bytesPerSecond: 2_000_000 });
    await place.addIdleExecutor("local-executor");
    await place.cpm(["init", "large", "--name", "rise/large"]);
    for (let part = 0; part < 40; part++)
      writeFileSync(join(place.folder, `large/payload/data-${part}`), crypto.getRandomValues(new Uint8Array(65_536)));
    await place.cpm(["publish", "large"]);
  }, 60_000);
  afterAll(async () => {
    await slow?.stop();
    await place?.stop();
  });

  const show = (text: string) => text.replaceAll("\r", "");
  const has = (part: string) => (text: string) => text.includes(part);

  test("an install shows bytes, rate and the states of processes, in place", async () => {
    const terminal = openTerminal(place, "cpm install rise/large --timeout 1s", { CPM_REGISTRY: slow.host });
    expect(await terminal.ended).toBe(8);
    const shown = terminal.shown();
    expect(shown).toMatch(/━+.*─+.* \d\.\d MB of 2\.6 MB \d+\.\d [kM]B\/s/);
    expect(shown).toContain("\r\u001b[1A\u001b[J");
    expect(shown).toMatch(/Function large .*waiting/);
    // The cursor is as it was, and what is left on the screen are whole lines.
    expect(shown).not.toContain("\u001b[?25l");
    expect(show(shown)).toMatch(/✓.* rise\/large@0\.1\.0 .*in place.*\n/);
  }, 60_000);

  test.each([{ NO_COLOR: "1" }, { TERM: "dumb" }])(
    "with %j there is no colour",
    async (env) => {
      const terminal = openTerminal(place, "cpm list; cpm status nothing; cpm doctor", env);
      await terminal.ended;
      expect(terminal.shown()).toContain("error: the colony dev has no release");
      expect(terminal.shown()).not.toMatch(/\u001b\[\d+m/);
    },
    60_000,
  );

  test("colours are for the terminal and not for a pipe behind it", async () => {
    const terminal = openTerminal(place, "cpm doctor; echo ===; cpm doctor | cat");
    await terminal.ended;
    const [direct = "", piped = ""] = terminal.shown().split("===");
    expect([/\u001b\[32m✓/.test(direct), /\u001b\[/.test(piped), piped.includes("✓ registry")]).toEqual([
      true,
      false,
      true,
    ]);
  }, 60_000);

  test("init asks what was not given, and only that", async () => {
    const terminal = openTerminal(place, "cpm init asked");
    await until(terminal.shown, has("Name of the package (local/asked): "));
    await terminal.type("rise/asked\r");
    await until(terminal.shown, has("Choose (function): "));
    await terminal.type("cron\r");
    expect(await terminal.ended).toBe(0);
    expect(existsSync(join(place.folder, "asked/payload/report.sh"))).toBe(true);
    const given = openTerminal(place, "cpm init given --name rise/given --template workflow");
    expect(await given.ended).toBe(0);
    expect(given.shown()).not.toContain("Choose");
  }, 60_000);

  test("an interrupt at a question ends it, on a line of its own", async () => {
    const terminal = openTerminal(place, "trap : INT; cpm init stopped; echo status $?");
    await until(terminal.shown, has("Name of the package"));
    await terminal.type("\u0003");
    await terminal.ended;
    expect(show(terminal.shown())).toMatch(/\^C\n[^\n]*error:[^\n]* interrupted/);
    expect(terminal.shown()).toContain("status 130");
    expect(existsSync(join(place.folder, "stopped"))).toBe(false);
  }, 60_000);

  test.each<[what: string, answer: string, status: number]>([
    ["an answer", "s3cret\r", 0],
    ["an interrupt", "\u0003", 130],
    ["the end of input", "\u0004", 130],
  ])(
    "after %s at a hidden question the terminal shows again what is typed",
    async (_what, answer, status) => {
      const echo = "stty -a | grep -o -- '-\\?\\becho\\b'";
      const line = `trap : INT; ${echo}; cpm login ${place.registry.host} -u me; echo status $?; ${echo}`;
      const terminal = openTerminal(place, line, { HOME: join(place.folder, "login-home") });
      await until(terminal.shown, has("Password or token: "));
      await terminal.type(answer);
      await terminal.ended;
      const lines = show(terminal.shown()).split("\n");
      expect(lines.filter((found) => /^-?echo$/.test(found))).toEqual(["echo", "echo"]);
      expect(lines).toContain(`status ${status}`);
      expect(terminal.shown()).not.toContain("s3cret");
    },
    60_000,
  );
});
