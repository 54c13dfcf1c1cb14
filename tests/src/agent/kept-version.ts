import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Agent, AgentOptions } from "@cpm/agent-client";

const keptFolder = join(import.meta.dir, "testdata/kept");

/** The names of the versions that are kept. */
export const keptVersions: readonly string[] = readdirSync(keptFolder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** An agent and a client as they once were. Must be closed. */
export class KeptVersion {
  /** A script that runs the agent. */
  readonly agentProgram: string;
  readonly #folder: string;

  constructor(name: string) {
    this.#folder = mkdtempSync(join(tmpdir(), "cpm-kept-"));
    // Where the modules were that look for others beside themselves.
    this.agentProgram = join(this.#folder, "apps/agent/src/main.ts");
    unpack(join(keptFolder, name, "agent.js.zst"), join(this.#folder, "apps/agent/src/isolation/agent.js"));
    unpack(join(keptFolder, name, "client.js.zst"), join(this.#folder, "client.js"));
    writeFileSync(this.agentProgram, 'import "./isolation/agent.js";\n');
  }

  async openAgent(options: AgentOptions): Promise<Agent> {
    const client = (await import(join(this.#folder, "client.js"))) as {
      readonly openAgent: (options: AgentOptions) => Agent;
    };
    return client.openAgent(options);
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function unpack(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, Bun.zstdDecompressSync(readFileSync(from)));
}
