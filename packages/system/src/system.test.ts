import { afterAll, describe, expect, test } from "bun:test";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  beginWriteback,
  canLockFiles,
  exchangePaths,
  notifyManager,
  peerCredentialsOf,
  systemSteadyClock,
  tryExclusiveLock,
  tryShareLock,
} from "./index.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-system-"));
afterAll(() => rmSync(scratch, { recursive: true }));

describe.skipIf(!canLockFiles)("a lock on a file", () => {
  test("is shared by many, and then nobody's alone", () => {
    const path = join(scratch, "shared");
    writeFileSync(path, "", { mode: 0o444 });
    const [first, second] = [tryShareLock(path), tryShareLock(path)];
    expect([first, second]).not.toContain(undefined);
    expect(tryExclusiveLock(path)).toBeUndefined();
    first?.release();
    expect(tryExclusiveLock(path)).toBeUndefined();
    second?.release();
    const alone = tryExclusiveLock(path);
    expect([alone === undefined, tryShareLock(path)]).toEqual([false, undefined]);
    alone?.release();
  });

  test("ends with the process that has it", async () => {
    const path = join(scratch, "killed");
    const program = `const { tryExclusiveLock } = await import(${JSON.stringify(join(import.meta.dir, "index.ts"))});
      tryExclusiveLock(${JSON.stringify(path)}); console.log("locked"); setInterval(() => {}, 1000);`;
    const child = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe" });
    await child.stdout.getReader().read();
    expect(tryExclusiveLock(path)).toBeUndefined();
    child.kill("SIGKILL");
    await child.exited;
    expect(tryExclusiveLock(path)).toBeDefined();
  });

  test("of a file that is not there is an error", () => {
    expect(() => tryShareLock(join(scratch, "none"))).toThrow("ENOENT");
  });
});

describe.skipIf(process.platform !== "linux")("on Linux", () => {
  test("who connected to a socket is known", async () => {
    const path = join(scratch, "peer.sock");
    const found = Promise.withResolvers<unknown>();
    const server = createServer((socket) => {
      found.resolve(peerCredentialsOf((socket as unknown as { _handle: { fd: number } })._handle.fd));
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    connect(path);
    expect(await found.promise).toEqual({ pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() });
    server.close();
    expect(peerCredentialsOf(9999)).toBeUndefined();
  });

  test.skipIf(Bun.which("python3") === null).each([
    ["a path", join(scratch, "notify.sock")],
    ["an abstract name", `@cpm-notify-${process.pid}`],
  ])("the service manager is told at %s", async (_, address) => {
    const program = `import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace("@", chr(0)))
print("bound", flush=True)
print(s.recv(100).decode(), end="")`;
    const child = Bun.spawn(["python3", "-c", program, address], { stdout: "pipe" });
    try {
      const reader = child.stdout.getReader();
      const decoder = new TextDecoder();
      let told = "";
      const read = async () => {
        const part = await reader.read();
        told += decoder.decode(part.value);
        return !part.done;
      };
      // A line may come in more than one piece.
      while (!told.includes("\n") && (await read()));
      expect(told).toBe("bound\n");
      expect(notifyManager(address, "READY=1\nSTATUS=serving")).toBe(true);
      while (await read());
      expect(told).toBe("bound\nREADY=1\nSTATUS=serving");
    } finally {
      child.kill();
    }
  });

  test.each([[undefined], [""], [join(scratch, "nobody.sock")], ["relative"], [`/${"x".repeat(200)}`]])(
    "nobody is told at %p",
    (address) => expect(notifyManager(address, "READY=1")).toBe(false),
  );
});

test("to begin writing a file back leaves its bytes as they are, and a file that is closed alone", () => {
  const path = join(scratch, "written");
  const file = openSync(path, "w");
  const bytes = new Uint8Array(3 << 20).fill(7);
  writeSync(file, bytes);
  beginWriteback(file, 1 << 20, 1 << 20);
  writeSync(file, bytes);
  closeSync(file);
  expect(() => beginWriteback(file, 0, 1)).not.toThrow();
  expect(readFileSync(path)).toEqual(Buffer.concat([bytes, bytes]));
});

describe("the steady clock", () => {
  test("goes on", async () => {
    const clock = systemSteadyClock();
    const before = clock.now();
    while (clock.now() === before) await Bun.sleep(1);
    expect(clock.now()).toBeGreaterThan(before);
  });

  test.skipIf(process.platform !== "linux")("is the same in another process of this boot", async () => {
    const clock = systemSteadyClock();
    const program = `const { systemSteadyClock } = await import(${JSON.stringify(join(import.meta.dir, "index.ts"))});
      const { boot, now } = systemSteadyClock(); console.log(JSON.stringify({ boot, ms: now() }));`;
    const before = clock.now();
    const child = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe" });
    const { boot, ms } = JSON.parse(await new Response(child.stdout).text());
    expect(boot).toBe(clock.boot);
    expect(ms).toBeGreaterThanOrEqual(before);
    expect(ms).toBeLessThanOrEqual(clock.now());
  });
});

test.skipIf(process.platform !== "linux")("two directories change places in one step, or nothing is done", () => {
  const [left, right] = [join(scratch, "left"), join(scratch, "right")];
  mkdirSync(left);
  mkdirSync(right);
  writeFileSync(join(left, "name"), "left");
  writeFileSync(join(right, "name"), "right");
  expect(exchangePaths(left, right)).toBe(true);
  expect([readFileSync(join(left, "name"), "utf8"), readFileSync(join(right, "name"), "utf8")]).toEqual([
    "right",
    "left",
  ]);
  expect(exchangePaths(left, join(scratch, "nothing"))).toBe(false);
  expect(readFileSync(join(left, "name"), "utf8")).toBe("right");
});
