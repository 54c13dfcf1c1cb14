import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultCacheDirectory, whyNoRealColony } from "@cpm/dev-colony/real-colony";
import { until } from "./until.ts";

/** A program that starts a real colony and says so, and stops it when its standard input ends. */
const program = `
  import { startRealColony } from "@cpm/dev-colony/real-colony";
  const colony = await startRealColony({ cacheDirectory: process.env.COLONY_CACHE });
  process.stdout.write(colony.endpoint + "\\n");
  for await (const _ of process.stdin);
  await colony.stop();
`;

const reason =
  whyNoRealColony() ?? (existsSync("/proc/self/cwd") ? undefined : "there is no /proc to look for processes");
if (reason !== undefined)
  process.stderr.write(`what the real ColonyOS server leaves behind is not tested: ${reason}\n`);

describe.skipIf(reason !== undefined)("a real colony leaves nothing behind", () => {
  const start = (stderr: "inherit" | "pipe" = "inherit") => {
    const folder = mkdtempSync(join(tmpdir(), "cpm-leftovers-"));
    const env = { ...process.env, TMPDIR: folder, COLONY_CACHE: defaultCacheDirectory() };
    // The database's user must be able to enter.
    Bun.spawnSync(["chmod", "755", folder]);
    const child = Bun.spawn([process.execPath, "-e", program], {
      cwd: import.meta.dir,
      env,
      stdio: ["pipe", "pipe", stderr],
    });
    return { child, folder };
  };
  const leftovers = (folder: string): string[] => [
    ...readdirSync(folder),
    ...processesOf(folder).map(({ pid, command }) => `${pid}: ${command}`),
  ];
  const isClean = async (folder: string): Promise<void> => {
    await until(
      () => leftovers(folder),
      (left) => left.length === 0,
    );
    rmSync(folder, { recursive: true, force: true });
  };
  const isUp = async (output: ReadableStream<Uint8Array>): Promise<string> => {
    for await (const bytes of output) return new TextDecoder().decode(bytes).trim();
    throw new Error("the colony did not start");
  };

  test("after it was stopped", async () => {
    const { child, folder } = start();
    const endpoint = await isUp(child.stdout);
    expect((await fetch(`${endpoint}/health`)).status).toBe(200);
    expect(leftovers(folder).length).toBeGreaterThan(3);
    await child.stdin.end();
    expect(await child.exited).toBe(0);
    expect(leftovers(folder)).toEqual([]);
    await isClean(folder);
  });

  test.each(["SIGKILL", "SIGTERM"] as const)("after the program that started it got %s", async (signal) => {
    const { child, folder } = start();
    await isUp(child.stdout);
    child.kill(signal);
    await child.exited;
    await isClean(folder);
  });

  test.each(["initdb", "postgres.log", "server.log"])(
    "after its program was killed in mid-start (%s)",
    async (phase) => {
      const { child, folder } = start();
      await until(
        () => [...processesOf(folder).map(({ command }) => command), ...filesBelow(folder)].join("\n"),
        (seen) => seen.includes(phase),
      );
      child.kill("SIGKILL");
      await child.exited;
      await isClean(folder);
    },
  );

  test("and says why when its server ends unasked, not when it is stopped", async () => {
    const { child, folder } = start("pipe");
    const said = new Response(child.stderr).text();
    await isUp(child.stdout);
    const server = processesOf(folder).find(({ command }) => command.includes(" server start "));
    if (server === undefined) throw new Error("there is no server");
    process.kill(server.pid, "SIGABRT");
    await until(
      () => processesOf(folder).filter(({ pid }) => pid === server.pid),
      (left) => left.length === 0,
    );
    await child.stdin.end();
    await child.exited;
    expect(await said).toMatch(/^the ColonyOS server ended by itself, with status \S+:\n.*SIGABRT/);
    expect((await said).match(/ended by itself/g)).toHaveLength(1);
    await isClean(folder);
  });

  test("after its supervisor was killed: no process", async () => {
    const { child, folder } = start();
    await isUp(child.stdout);
    const supervisor = processesOf(folder).find(({ command }) => command.includes("supervisor.ts"));
    if (supervisor === undefined) throw new Error("there is no supervisor");
    process.kill(supervisor.pid, "SIGKILL");
    await until(
      () => processesOf(folder).filter(({ pid }) => pid !== child.pid),
      (left) => left.length === 0,
    );
    child.kill("SIGKILL");
    await child.exited;
    rmSync(folder, { recursive: true, force: true });
  });
});

interface FoundProcess {
  readonly pid: number;
  readonly command: string;
}

/** Processes that name the folder in their command, or work in it. */
function processesOf(folder: string): FoundProcess[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").trim();
        const place = readlinkSync(`/proc/${name}/cwd`);
        return command.includes(folder) || place.startsWith(folder) ? [{ pid: Number(name), command }] : [];
      } catch {
        return []; // It ended while it was looked at.
      }
    });
}

function filesBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: "utf8" });
  } catch {
    return []; // Something was removed while it was listed.
  }
}
