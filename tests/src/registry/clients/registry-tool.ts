import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Somebody else's program for registries, as one of its users has it: with a home of its own. */
export interface RegistryTool {
  login(host: string, username: string, password: string): Promise<ToolRun>;
  /** Makes something of the program's own kind from these bytes and pushes it. */
  push(reference: string, content: Uint8Array): Promise<ToolRun>;
  /** Pulls it, and answers the bytes that were given to `push` where it succeeded. */
  pull(reference: string): Promise<ToolRun & { readonly content?: Uint8Array }>;
  close(): void;
}

export interface ToolRun {
  readonly exitCode: number;
  /** Everything that it said. */
  readonly output: string;
}

/** How a program is got, and what it is like. */
export interface ToolUnderTest {
  readonly name: string;
  /** Builds or fetches it on first use, and answers what opens one with an empty home. */
  readonly install: () => Promise<() => RegistryTool>;
  /** False for a program that asks nobody whether what it is to remember is right. */
  readonly checksLogin: boolean;
}

/** A folder that is the home of one program, which finds nothing else of this machine's user. */
export class ToolHome {
  readonly folder: string = mkdtempSync(join(tmpdir(), "cpm-tool-"));
  readonly #executable: string;
  readonly #env: Readonly<Record<string, string>>;
  #files = 0;

  constructor(executable: string, env: Readonly<Record<string, string>> = {}) {
    this.#executable = executable;
    this.#env = {
      PATH: process.env["PATH"] ?? "",
      HOME: this.folder,
      TMPDIR: this.folder,
      DOCKER_CONFIG: join(this.folder, ".docker"),
      XDG_RUNTIME_DIR: this.folder,
      ...env,
    };
  }

  /** A path that nobody has used. */
  fresh(name: string): string {
    return join(this.folder, `${++this.#files}-${name}`);
  }

  async run(args: readonly string[], options: { stdin?: string; cwd?: string } = {}): Promise<ToolRun> {
    const child = Bun.spawn([this.#executable, ...args], {
      cwd: options.cwd ?? this.folder,
      env: this.#env,
      stdin: new Blob([options.stdin ?? ""]),
      stdout: "pipe",
      stderr: "pipe",
    });
    const [exitCode, stdout, stderr] = await Promise.all([
      child.exited,
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    return { exitCode, output: `${stdout}${stderr}` };
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
