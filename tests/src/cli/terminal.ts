import type { Workplace } from "./workplace.ts";
import { cliPath } from "./workplace.ts";

/** Why no terminal can be had here; undefined where it can. `script` of util-linux opens one for a command. */
export function whyNoTerminal(): string | undefined {
  if (process.platform !== "linux") return "script(1) takes other arguments outside Linux";
  return Bun.which("script") === null ? "script(1) is not installed" : undefined;
}

export interface Terminal {
  /** All that was shown until now. */
  readonly shown: () => string;
  type(text: string): Promise<void>;
  /** Resolves when the shell on it has ended. */
  readonly ended: Promise<number>;
}

/** Runs a line of shell on a terminal of its own; `cpm` in it is the command line. */
export function openTerminal(place: Workplace, line: string, env: Readonly<Record<string, string>> = {}): Terminal {
  const shell = `cpm() { '${process.execPath}' '${cliPath}' "$@"; }; ${line}`;
  const child = Bun.spawn(["script", "-qec", shell, "/dev/null"], {
    cwd: place.folder,
    env: { ...place.env, SHELL: "/bin/sh", TERM: "xterm", ...env },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  let shown = "";
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) shown += decoder.decode(chunk, { stream: true });
  })();
  return {
    shown: () => shown,
    async type(text) {
      void child.stdin.write(text);
      await child.stdin.flush();
    },
    ended: Promise.all([child.exited, reading]).then(([status]) => status),
  };
}
