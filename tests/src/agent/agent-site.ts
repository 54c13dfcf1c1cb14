import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openAgent } from "@cpm/agent-client";
import type { Agent, AgentOptions } from "@cpm/agent-client";
import { isCpmError } from "@cpm/base";
import type { CpmError } from "@cpm/base";
import { startFaultProxy } from "../registry/fault-proxy.ts";
import type { FaultProxy } from "../registry/fault-proxy.ts";
import { Universe } from "../resolution/universe.ts";
import { startAgentProcess } from "./agent-process.ts";
import type { AgentProcess } from "./agent-process.ts";

/** A node: a registry with packages, the network between, and the agent's own process. Must be closed. */
export class AgentSite {
  readonly folder: string = mkdtempSync(join(tmpdir(), "cpm-agent-"));
  readonly root: string = join(this.folder, "packages");
  readonly socket: string = join(this.folder, "agent.sock");
  readonly universe: Universe;
  readonly network: FaultProxy;
  readonly #agents: AgentProcess[] = [];
  readonly #clients: Agent[] = [];

  private constructor(universe: Universe, network: FaultProxy) {
    this.universe = universe;
    this.network = network;
  }

  /** With a running agent, which was given these arguments; before it starts, its packages directory is prepared. */
  static async open(args: readonly string[] = [], prepare: (root: string) => void = () => {}): Promise<AgentSite> {
    const site = await AgentSite.of(await Universe.open());
    prepare(site.root);
    await site.start(args);
    return site;
  }

  /** One of several nodes of a registry, without an agent. Must be left. */
  static async of(universe: Universe): Promise<AgentSite> {
    return new AgentSite(universe, await startFaultProxy(universe.registry.host));
  }

  /** The agent that was started last. */
  get agent(): AgentProcess {
    const agent = this.#agents.at(-1);
    if (agent === undefined) throw new TypeError("no agent was started");
    return agent;
  }

  async start(
    args: readonly string[] = [],
    environment: Readonly<Record<string, string>> = {},
    listener?: number,
    program?: string,
  ): Promise<AgentProcess> {
    const { root, socket, network } = this;
    const registry = network.host;
    const agent = await startAgentProcess({ root, socket, registry, args, environment, listener, program });
    this.#agents.push(agent);
    return agent;
  }

  /** A client of its own connection; it knows the packages directory unless it is told otherwise. */
  client(options: Partial<AgentOptions> = {}): Agent {
    const { socket, root } = this;
    const client = openAgent({ socket, root, clientName: "test", clientVersion: "0", ...options });
    this.#clients.push(client);
    return client;
  }

  /** Paths of requests that reached the registry's side, by method. */
  requests(method: string, part: string): readonly string[] {
    return this.network.exchanges
      .filter((exchange) => exchange.method === method && exchange.path.includes(part))
      .map(({ path }) => path);
  }

  async close(): Promise<void> {
    await this.leave();
    await this.universe.close();
  }

  /** Ends what belongs to this node. The registry stays. */
  async leave(): Promise<void> {
    for (const client of this.#clients) client.close();
    for (const agent of this.#agents) await agent.end("SIGKILL");
    this.network.stop();
    Bun.spawnSync(["chmod", "-R", "u+w", this.folder]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The coded error that a promise rejects with. */
export async function faultOf(promise: Promise<unknown>): Promise<CpmError> {
  try {
    await promise;
  } catch (error) {
    if (isCpmError(error)) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
