import { afterAll, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { attempts } from "../testing/attempts.ts";
import type { Site } from "../testing/attempts.ts";
import { runConfined } from "./confined-process.ts";
import { isolationOfThisMachine } from "./isolation.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-attempts-"));
const main = join(import.meta.dir, "../testing/compromised-main.ts");
const { missing } = isolationOfThisMachine();
const unconfinable = missing.length > 0 || process.arch !== "x64";
if (unconfinable) process.stderr.write(`attempts of a worker that is taken over are not made: ${missing.join(" ")}\n`);
if (unconfinable && process.env["CI"] !== undefined) throw new Error("CI has to confine the worker");

const tcp = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("reached") });
const unixSocket = join(scratch, "socket");
const unix = Bun.listen({ unix: unixSocket, socket: { data() {} } });
const udp = await Bun.udpSocket({ hostname: "127.0.0.1", socket: { data: () => void datagrams++ } });
let datagrams = 0;
afterAll(async () => {
  await tcp.stop(true);
  unix.stop();
  udp.close();
  rmSync(scratch, { recursive: true, force: true });
});

/** The last two are what the runtime makes of a socket that it was not given. */
const denied = /^(EACCES|EPERM|ENOSYS|ECONNREFUSED|Error: Failed to listen at .*)$/;

function site(name: string): Site {
  const inside = join(scratch, name, "inside");
  const outside = join(scratch, name, "outside");
  mkdirSync(inside, { recursive: true });
  mkdirSync(join(outside, "folder"), { recursive: true });
  writeFileSync(join(outside, "key"), "secret", { mode: 0o600 });
  writeFileSync(join(outside, "victim"), "untouched");
  const parentPid = process.pid;
  return { inside, outside, parentPid, tcpPort: tcp.port ?? 0, udpPort: udp.port, unixSocket };
}

test.skipIf(unconfinable)(
  "the kernel denies a worker that is taken over everything that it tries",
  async () => {
    const here = site("confined");
    const outcomes = new Map<string, string>();
    await runConfined(
      {
        program: "attack",
        paths: [{ path: here.inside, rights: ["makeFile", "makeDirectory", "makeSymlink", "writeFile"] }],
        limits: { fileSizeBytes: 1 << 20, openFiles: 200 },
        files: [],
        request: JSON.stringify(here),
        onLine: (line) => {
          const { name, outcome, type } = JSON.parse(line);
          if (type === undefined) outcomes.set(name, outcome);
        },
        memoryBytes: 512 << 20,
        timeoutMs: 50_000,
        silenceMs: 50_000,
      },
      [process.execPath, main],
    );
    const notDenied = [...outcomes].filter(([, outcome]) => !denied.test(outcome));
    expect(notDenied).toEqual([]);
    expect([...outcomes.keys()]).toEqual(attempts(here).map(({ name }) => name));
    expect(readdirSync(here.outside).toSorted()).toEqual(["folder", "key", "victim"]);
    expect(readFileSync(join(here.outside, "victim"), "utf8")).toBe("untouched");
    expect(statSync(join(here.outside, "victim")).mode & 0o777).toBe(0o644);
    expect(existsSync(join(here.inside, "../new"))).toBe(false);
    expect(datagrams).toBe(0);
  },
  60_000,
);

test.skipIf(unconfinable)(
  "the same succeeds where nothing confines it, or the test above would prove nothing",
  async () => {
    const here = site("free");
    const possible = attempts(here).filter((attempt) => attempt.possible);
    const child = Bun.spawn([process.execPath, main, "attack-freely"], {
      stdio: [Buffer.from(JSON.stringify(here)), "pipe", "inherit"],
    });
    const lines = (await new Response(child.stdout).text()).trim().split("\n");
    const outcomes = new Map(lines.map((line) => JSON.parse(line)).map(({ name, outcome }) => [name, outcome]));
    const failed = possible.filter(({ name }) => outcomes.get(name) !== "done");
    expect(failed.map(({ name }) => `${name}: ${outcomes.get(name)}`)).toEqual([]);
  },
  60_000,
);
