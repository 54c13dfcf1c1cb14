import { addressOf, openLinuxCalls } from "@cpm/system/linux";
import type { SystemArgument } from "@cpm/system/linux";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

/** What lies around a worker that is taken over. */
export interface Site {
  /** The directory in which it may write. */
  readonly inside: string;
  /** Holds `key`, `victim`, and the directory `folder`. */
  readonly outside: string;
  readonly parentPid: number;
  readonly tcpPort: number;
  readonly udpPort: number;
  readonly unixSocket: string;
}

/** Something that it tries. Throws when it did not succeed; `code` is the errno's name where the system gave one. */
export interface Attempt {
  readonly name: string;
  readonly run: () => unknown;
  /** Whether it succeeds where nothing stops it, on any Linux and for any user. */
  readonly possible: boolean;
}

/** Numbers of x86-64: the attempts below are made on that machine only. */
const x64 = {
  socket: 41,
  fork: 57,
  execve: 59,
  fchmod: 91,
  ptrace: 101,
  mknod: 133,
  setxattr: 188,
  keyctl: 250,
  unshare: 272,
  prlimit64: 302,
  processVmRead: 310,
  memfdCreate: 319,
  bpf: 321,
  userfaultfd: 323,
  pidfdOpen: 434,
  ioUringSetup: 425,
  exitGroup: 231,
  tgkill: 234,
  setpriority: 141,
  shmget: 29,
  shmctl: 31,
  socketpair: 53,
  inotifyInit: 294,
} as const;

export function attempts(site: Site): readonly Attempt[] {
  return [...fileAttempts(site), ...networkAttempts(site), ...processAttempts(site), ...kernelAttempts()];
}

function fileAttempts({ inside, outside, parentPid }: Site): Attempt[] {
  const key = join(outside, "key");
  const victim = join(outside, "victim");
  const own = join(inside, "own");
  return [
    can("read a key", () => readFileSync(key)),
    can("read a key from another thread", () => Bun.file(key).text()),
    can("list the directory of a key", () => readdirSync(outside)),
    can("read a key through a symlink", () => {
      symlinkSync(key, join(inside, "to-key"));
      readFileSync(join(inside, "to-key"));
    }),
    can("read a key by the parent's root", () => readFileSync(`/proc/${parentPid}/root${key}`)),
    can("read the parent's environment", () => readFileSync(`/proc/${parentPid}/environ`)),
    may("open the parent's memory", () => openSync(`/proc/${parentPid}/mem`, "r+")),
    can("create a file outside", () => writeFileSync(join(outside, "new"), "x")),
    can("create a directory outside", () => mkdirSync(join(outside, "new-folder"))),
    can("create a file through a symlink to a directory", () => {
      symlinkSync(join(outside, "folder"), join(inside, "to-folder"));
      writeFileSync(join(inside, "to-folder/new"), "x");
    }),
    can("create a file by climbing", () => writeFileSync(`${inside}/../new`, "x")),
    can("append to a file outside", () => appendFileSync(victim, "x")),
    can("shorten a file outside", () => truncateSync(victim, 1)),
    can("change a mode outside", () => chmodSync(victim, 0o666)),
    can("change times outside", () => utimesSync(victim, 1, 1)),
    can("change an owner outside", () => chownSync(victim, process.getuid?.() ?? 0, process.getgid?.() ?? 0)),
    may("change a mode by a file that is open", () => system(x64.fchmod, openSync(process.execPath, "r"), 0o755)),
    may("set an attribute outside", () => system(x64.setxattr, text(victim), text("user.x"), text("y"), 1, 0)),
    can("give a file outside a second name", () => linkSync(victim, join(outside, "second"))),
    can("bring a file in", () => linkSync(victim, join(inside, "brought"))),
    can("move a file out", () => {
      writeFileSync(own, "x");
      renameSync(own, join(outside, "moved"));
    }),
    can("make a FIFO inside", () => system(x64.mknod, text(join(inside, "fifo")), 0o010644, 0)),
    can("remove a file outside", () => unlinkSync(victim)),
    can("remove a directory outside", () => rmSync(join(outside, "folder"), { recursive: true })),
  ];
}

function networkAttempts({ tcpPort, udpPort, unixSocket }: Site): Attempt[] {
  const [unix, internet, internet6, netlink] = [1, 2, 10, 16];
  const [stream, datagram] = [1, 2];
  return [
    can("fetch by TCP", () => fetch(`http://localhost:${tcpPort}/`)),
    can("connect by TCP", () => Bun.connect({ hostname: "127.0.0.1", port: tcpPort, socket: { data() {} } })),
    can("connect to a Unix socket", () => Bun.connect({ unix: unixSocket, socket: { data() {} } })),
    can("listen by TCP", () => Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } }).stop()),
    can("send by UDP", async () => {
      const socket = await Bun.udpSocket({});
      if (!socket.send("x", udpPort, "127.0.0.1")) throw new Error("not sent");
      socket.close();
    }),
    can("ask for a TCP socket", () => system(x64.socket, internet, stream, 0)),
    can("ask for a UDP socket", () => system(x64.socket, internet, datagram, 0)),
    can("ask for a Unix socket", () => system(x64.socket, unix, stream, 0)),
    can("ask for a netlink socket", () => system(x64.socket, netlink, datagram, 0)),
    may("ask for an IPv6 socket", () => system(x64.socket, internet6, stream, 0)),
    can("ask for a pair of sockets", () => system(x64.socketpair, unix, stream, 0, new Int32Array(2))),
  ];
}

function processAttempts({ parentPid }: Site): Attempt[] {
  const [attach, seize, checkOnly] = [16, 0x4206, 0];
  const [openFiles, byProcess] = [7, 0];
  return [
    can("run a program", async () => {
      const child = Bun.spawn(["/bin/sh", "-c", "exit 0"]);
      if ((await child.exited) !== 0) throw new Error("it failed");
    }),
    may("fork", () => {
      if (system(x64.fork) === 0) system(x64.exitGroup, 0);
    }),
    may("become another program", () => execute("/bin/true")),
    may("become another program through the loader", () => execute("/lib64/ld-linux-x86-64.so.2", "/bin/true")),
    may("trace the parent", () => system(x64.ptrace, attach, parentPid, 0, 0)),
    may("seize the parent", () => system(x64.ptrace, seize, parentPid, 0, 0)),
    may("read the parent's memory", () => {
      const target = BigUint64Array.of(addressOf(new Uint8Array(8)), 8n);
      system(x64.processVmRead, parentPid, target, 1, BigUint64Array.of(0x400000n, 8n), 1, 0);
    }),
    can("signal the parent", () => process.kill(parentPid, checkOnly)),
    can("signal a thread of the parent", () => system(x64.tgkill, parentPid, parentPid, checkOnly)),
    can("hold on to the parent", () => system(x64.pidfdOpen, parentPid, 0)),
    can("look at the parent's limits", () => system(x64.prlimit64, parentPid, openFiles, 0, new BigUint64Array(2))),
    can("slow the parent down", () => system(x64.setpriority, byProcess, parentPid, 1)),
  ];
}

function kernelAttempts(): Attempt[] {
  const userNamespace = 0x10000000;
  return [
    can("make memory that can be executed as a file", () => system(x64.memfdCreate, text("x"), 0)),
    can("make shared memory", () => {
      const remove = 0;
      system(x64.shmctl, system(x64.shmget, 0, 4096, 0o1600), remove, 0);
    }),
    can("watch files", () => system(x64.inotifyInit, 0)),
    may("load a program into the kernel", () => system(x64.bpf, 0, new Uint8Array(64), 64)),
    may("handle page faults", () => system(x64.userfaultfd, 1)),
    may("use io_uring", () => system(x64.ioUringSetup, 1, new Uint8Array(120))),
    may("enter a user namespace", () => system(x64.unshare, userNamespace)),
    may("look at a keyring", () => system(x64.keyctl, 0, -3, 0)),
  ];
}

function can(name: string, run: () => unknown): Attempt {
  return { name, run, possible: true };
}

/** What depends on the kernel and on who runs it, or cannot be tried without coming to an end. */
function may(name: string, run: () => unknown): Attempt {
  return { name, run, possible: false };
}

function execute(...command: readonly string[]): void {
  const texts = command.map(text);
  const list = BigUint64Array.from([...texts.map(addressOf), 0n]);
  system(x64.execve, texts[0] ?? text(""), list, BigUint64Array.of(0n));
}

function system(call: number, ...parameters: SystemArgument[]): number {
  const result = openLinuxCalls()?.syscall(call, ...parameters) ?? -1;
  if (result < 0)
    throw Object.assign(new Error(`errno ${-result}`), { code: errnoNames[-result] ?? `errno ${-result}` });
  return result;
}

const errnoNames: Readonly<Record<number, string>> = { 1: "EPERM", 13: "EACCES", 38: "ENOSYS" };

function text(value: string): Uint8Array {
  return Buffer.from(`${value}\0`);
}
