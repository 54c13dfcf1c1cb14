import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "../../..");

export interface CommandResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A user with an empty home and a dev colony: real processes, as on a laptop. Must be closed. */
export class DevSession {
  readonly home: string = mkdtempSync(join(tmpdir(), "cpm-user-"));
  readonly #environment: Record<string, string | undefined>;

  constructor() {
    const kept = Object.entries(process.env).filter(([name]) => !/^(COLONIES_|CPM_|XDG_|HOME$)/.test(name));
    // The cache keeps the ColonyOS server that was built once.
    const cache = process.env["XDG_CACHE_HOME"] ?? join(process.env["HOME"] ?? "/", ".cache");
    this.#environment = { ...Object.fromEntries(kept), HOME: this.home, XDG_CACHE_HOME: cache };
  }

  /** Runs `cpm` from the source, in the repository. */
  async cpm(...args: readonly string[]): Promise<CommandResult> {
    const child = Bun.spawn([process.execPath, join(root, "apps/cli/src/main.ts"), ...args], {
      cwd: root,
      env: this.#environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [stdout, stderr, status] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    return { status, stdout, stderr };
  }

  /** The document that a command prints with `--json`; throws what it said when it failed. */
  async json(...args: readonly string[]): Promise<unknown> {
    const { status, stdout, stderr } = await this.cpm(...args, "--json");
    if (status !== 0) throw new Error(`cpm ${args.join(" ")} ended with ${status}: ${stderr}${stdout}`);
    return JSON.parse(stdout);
  }

  async close(): Promise<void> {
    await this.cpm("dev", "down");
    Bun.spawnSync(["chmod", "-R", "u+w", this.home]);
    rmSync(this.home, { recursive: true, force: true });
  }
}
