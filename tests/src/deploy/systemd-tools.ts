import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { debianPrograms, installDebianProgram } from "@cpm/dev-colony/programs";
import { defaultCacheDirectory } from "@cpm/dev-colony/real-colony";

export type SystemdTool = "systemd-analyze" | "systemd-sysusers" | "systemd-tmpfiles" | "systemd-socket-activate";

/** systemd's programs that work on files and need no running systemd: this system's, or Debian's. */
export interface SystemdTools {
  path(tool: SystemdTool): string;
  /** What they need to find their libraries. */
  readonly env: Readonly<Record<string, string>>;
  /** What they print on either stream, and how they end. */
  run(tool: SystemdTool, ...args: readonly string[]): { readonly exitCode: number; readonly output: string };
}

/** Why there are none; undefined where they can be had. */
export function whyNoSystemd(): string | undefined {
  if (process.platform !== "linux") return "systemd is for Linux";
  const fetched = Bun.which("apt-get") !== null && Bun.which("dpkg-deb") !== null;
  return Bun.which("systemd-analyze") === null && !fetched ? "systemd is not here and cannot be fetched" : undefined;
}

export async function openSystemdTools(): Promise<SystemdTools> {
  const { executable, env } = await installDebianProgram(debianPrograms.systemdAnalyze, defaultCacheDirectory());
  // Debian's package has some of them in /bin, which its system merges with /usr/bin.
  const folders = [dirname(executable), join(dirname(executable), "../../bin")];
  const path = (tool: SystemdTool) => {
    const found = folders.map((folder) => join(folder, tool)).find((candidate) => existsSync(candidate));
    if (found === undefined) throw new Error(`${tool} is neither here nor in Debian's package`);
    return found;
  };
  return {
    path,
    env,
    run(tool, ...args) {
      const { exitCode, stdout, stderr } = Bun.spawnSync([path(tool), ...args], { env: { ...process.env, ...env } });
      return { exitCode, output: `${stdout.toString()}${stderr.toString()}` };
    },
  };
}

/** The names of system calls that a unit's `SystemCallFilter=` lines come to: each adds, or with `~` takes away. */
export function allowedSystemCalls(tools: SystemdTools, unit: string): ReadonlySet<string> {
  const allowed = new Set<string>();
  for (const [, denied, names = ""] of unit.matchAll(/^SystemCallFilter=(~?)(.+)$/gm)) {
    const calls = names.split(" ").flatMap((name) => expand(tools, name));
    for (const call of calls) {
      if (denied === "~") allowed.delete(call);
      else allowed.add(call);
    }
  }
  return allowed;
}

/** A call is itself; a group is what systemd says that it holds, groups included. */
function expand(tools: SystemdTools, name: string): readonly string[] {
  if (!name.startsWith("@")) return [name];
  const { exitCode, output } = tools.run("systemd-analyze", "syscall-filter", name);
  if (exitCode !== 0) throw new Error(output);
  return output
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => /^@?[a-z0-9_-]+$/.test(line) && line !== name)
    .flatMap((line) => expand(tools, line));
}
