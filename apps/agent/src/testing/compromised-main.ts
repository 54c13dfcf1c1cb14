// A worker that was taken over: started in the place of the real one, it does what its blob says.
import { appendFileSync, closeSync, openSync, readSync, symlinkSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { openLinuxCalls } from "@cpm/system/linux";
import type { LinuxCalls } from "@cpm/system/linux";
import { firstFile, launchConfined } from "../isolation/confine.ts";
import { hideProcess } from "../isolation/process-limits.ts";
import { say } from "../worker/messages.ts";
import { measureProgram } from "../worker/measure-program.ts";
import { runConfinedProgram } from "../worker/program.ts";
import { attempts } from "./attempts.ts";
import type { Attempt, Site } from "./attempts.ts";

async function attack(chosen: readonly Attempt[]): Promise<void> {
  for (const { name, run } of chosen) {
    let outcome: string;
    try {
      await run();
      outcome = "done";
    } catch (error) {
      outcome = error instanceof Error && "code" in error ? String(error.code) : String(error);
    }
    writeSync(1, `${JSON.stringify({ name, outcome })}\n`);
  }
}

async function obey(request: unknown): Promise<void> {
  const { root } = request as { root: string };
  const order = Buffer.alloc(100);
  const length = readSync(firstFile, order, 0, order.length, 0);
  await behaviours[order.toString("utf8", 0, length)]?.(root);
}

const mkdirat = 258;
const openat = 257;
const currentFolder = -100;

/** For a place in the file system without a right to it: Landlock does not ask for one. */
function openPath(linux: LinuxCalls | undefined, folder: number, path: string): number {
  const O_PATH = 0o10000000;
  const file = linux?.syscall(openat, folder, Buffer.from(`${path}\0`), O_PATH) ?? -1;
  if (folder !== currentFolder) closeSync(folder);
  return file;
}

const behaviours: Readonly<Record<string, (root: string) => unknown>> = {
  "write another content": (root) => writeFileSync(join(root, "a"), "evil", { mode: 0o444 }),
  "write a program of root's": (root) => closeSync(openSync(join(root, "a"), "wx", 0o4755)),
  "write a symlink out of the tree": (root) => symlinkSync("../../../../VERSION", join(root, "a")),
  "write a symlink to an absolute path": (root) => symlinkSync("/etc/passwd", join(root, "a")),
  "write a name that is not UTF-8": (root) =>
    writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff])]), "x", { mode: 0o444 }),
  "write more files than declared": (root) => {
    for (let at = 0; at < 2000; at++) writeFileSync(join(root, `f${at}`), "x", { mode: 0o444 });
  },
  "write a listing of its own": (root) => appendFileSync(join(root, "../tree.json"), "[]"),
  "write a file that is too large": (root) => {
    const file = openSync(join(root, "a"), "wx", 0o444);
    for (;;) writeSync(file, new Uint8Array(1 << 20));
  },
  "nest directories beyond the length of a path": (root) => {
    const linux = openLinuxCalls();
    let folder = openPath(linux, currentFolder, root);
    for (let depth = 0; depth < 700; depth++) {
      linux?.syscall(mkdirat, folder, Buffer.from("deeper\0"), 0o755);
      folder = openPath(linux, folder, "deeper");
    }
  },
  "say nonsense": () => writeSync(1, "nonsense\n"),
  "say more than there is": () => say({ type: "progress", addedBytes: 2 ** 50 }),
  "report an error of its own making": () => say({ type: "failed", code: "agent/isolation-missing", message: "x" }),
  "go on after it is done": () => {
    say({ type: "done" });
    say({ type: "progress", addedBytes: 1 });
  },
  "end without a word": () => process.exit(0),
  "end with a status": () => process.exit(3),
  "write without end": () => {
    for (;;) writeSync(1, `${"x".repeat(1000)}\n`);
  },
  "write a line without end": () => {
    for (;;) writeSync(1, "x".repeat(1000));
  },
  "complain without end, and be silent": () => {
    for (let at = 0; at < 10_000; at++) writeSync(2, "x".repeat(1000));
    for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
  },
  "be silent": () => new Promise(() => setInterval(() => {}, 1000)),
  "take all memory": () => {
    for (const taken: Uint8Array[] = []; ;) taken.push(new Uint8Array(1 << 20).fill(taken.length + 1));
  },
  "kill itself": () => process.kill(process.pid, "SIGKILL"),
  crash: () => {
    throw new TypeError("a fault of the worker");
  },
};

const [program, parameter = ""] = process.argv.slice(2);
if (program === "confine") process.exit(launchConfined(parameter));
if (program === "measure") process.exit(await measureProgram());
if (program === "unpack") process.exit(await runConfinedProgram({ finishTree: false }, (request) => obey(request)));
if (program === "attack")
  process.exit(await runConfinedProgram({ finishTree: false }, (site) => attack(attempts(site as Site))));
if (program === "attack-with-network") {
  hideProcess();
  const site = JSON.parse(await Bun.stdin.text()) as Site & { readonly chosen: readonly string[] };
  await attack(attempts(site).filter(({ name }) => site.chosen.includes(name)));
  say({ type: "done" });
  process.exit(0);
}
// The same without confinement: what an attempt does where nothing stops it.
if (program === "attack-freely") {
  const site = JSON.parse(await Bun.stdin.text()) as Site;
  await attack(attempts(site).filter(({ possible }) => possible));
  process.exit(0);
}
