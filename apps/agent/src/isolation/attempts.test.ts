import { afterAll, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
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
import { readablePaths } from "../releases/readable-paths.ts";
import { runConfined } from "./confined-process.ts";
import { isolationOfThisMachine } from "./isolation.ts";
import type { PathRule } from "./landlock.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-attempts-"));
// Others have to get to the directory that is theirs.
chmodSync(scratch, 0o755);
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

/**
 * EXDEV is what Landlock says of a second name in a directory of other rights; the last two are what the runtime makes
 * of a socket that it was not given.
 */
const denied = /^(EACCES|EPERM|ENOSYS|EXDEV|ECONNREFUSED|Error: Failed to listen at .*)$/;

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

/** Who the worker runs as: whoever runs this test, and of root also a user without any rights. */
const nobody = 65534;
const asNobody = ["setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups", "--"];
const users: { user: string; prefix: readonly string[] }[] = [{ user: "this user", prefix: [] }];
if (process.getuid?.() === 0) {
  // The checkout and the temporary directory may be where only root gets to.
  const hindrance = await runAs(asNobody, "nothing", site("reachable"), () => {}).then(
    () => "",
    (error: Error) => error.message,
  );
  if (hindrance === "") users.push({ user: "nobody", prefix: asNobody });
  else process.stderr.write(`the worker is not tried as nobody: ${hindrance}\n`);
}

async function runAs(
  prefix: readonly string[],
  program: string,
  here: Site,
  onLine: (line: string) => void,
  network?: { readonly readable: readonly PathRule[] },
): Promise<void> {
  if (prefix.length > 0) chownSync(here.inside, nobody, nobody);
  await runConfined(
    {
      program,
      paths: [
        { path: here.inside, rights: ["makeFile", "makeDirectory", "makeSymlink", "writeFile"] },
        ...(network?.readable ?? []),
      ],
      network: network !== undefined,
      limits: { fileSizeBytes: 1 << 20, openFiles: 200 },
      files: [],
      request: JSON.stringify(here),
      onLine,
      memoryBytes: 512 << 20,
      timeoutMs: 50_000,
      silenceMs: 50_000,
    },
    [...prefix, process.execPath, main],
  );
}

test.skipIf(unconfinable).each(users)(
  "the kernel denies a worker of $user that is taken over everything that it tries",
  async ({ user, prefix }) => {
    const here = site(user.replace(" ", "-"));
    const outcomes = new Map<string, string>();
    await runAs(prefix, "attack", here, (line) => {
      const { name, outcome, type } = JSON.parse(line);
      if (type === undefined) outcomes.set(name, outcome);
    });
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

/** What is the kernel's to deny also to a program that needs the network: it is not filtered by its system calls. */
const deniedWithNetwork = [
  "read a key",
  "read a key from another thread",
  "list the directory of a key",
  "read a key through a symlink",
  "read a key by the parent's root",
  "read the parent's environment",
  "open the parent's memory",
  "create a file outside",
  "create a directory outside",
  "create a file through a symlink to a directory",
  "create a file by climbing",
  "append to a file outside",
  "shorten a file outside",
  "give a file outside a second name",
  "bring a file in",
  "move a file out",
  "remove a file outside",
  "remove a directory outside",
  "run a program",
  "become another program",
  "trace the parent",
  "seize the parent",
  "read the parent's memory",
];

test.skipIf(unconfinable)(
  "a program that has the network reads no key, writes nothing outside and runs nothing",
  async () => {
    const fetching = "fetch by TCP";
    const here = { ...site("network"), chosen: [...deniedWithNetwork, fetching] };
    const outcomes = new Map<string, string>();
    const take = (line: string): void => {
      const { name, outcome, type } = JSON.parse(line);
      if (type === undefined) outcomes.set(name, outcome);
    };
    await runAs([], "attack-with-network", here, take, { readable: readablePaths() });
    const notDenied = deniedWithNetwork.filter((name) => !denied.test(outcomes.get(name) ?? "not tried"));
    expect(notDenied.map((name) => `${name}: ${outcomes.get(name)}`)).toEqual([]);
    expect(outcomes.get(fetching)).toBe("done");
    expect(readFileSync(join(here.outside, "victim"), "utf8")).toBe("untouched");
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
