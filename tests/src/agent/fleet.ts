import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JsonObject, JsonValue } from "@cpm/base";
import { waitForProcess } from "@cpm/colonies";
import type { Process } from "@cpm/colonies";
import { agentNodes } from "@cpm/operations/placement";
import type { AgentNode } from "@cpm/operations/placement";
import type { StartColony } from "../colonies/colony-under-test.ts";
import { until } from "../colonies/until.ts";
import { demoExecutor } from "../operations/demo-package.ts";
import type { CommandEnd } from "../operations/lab.ts";
import { startFaultProxy } from "../registry/fault-proxy.ts";
import type { FaultProxy } from "../registry/fault-proxy.ts";
import { Installation } from "../resolution/installation.ts";
import { runAgentCommand, startAgentProcess } from "./agent-process.ts";
import type { AgentEnd, AgentProcess } from "./agent-process.ts";

/**
 * One path that is another directory for each agent, as it is on machines of their own: each is started in a folder of
 * its own.
 */
const sharedRoot = "/proc/self/cwd/packages";

/** A colony whose nodes are enrolled agents, each with its own network, and a registry. Must be closed. */
export class Fleet {
  readonly installation: Installation;
  readonly nodes: FleetNode[] = [];

  private constructor(installation: Installation) {
    this.installation = installation;
  }

  /** With nodes of these names. */
  static async open(start: StartColony, ...names: readonly string[]): Promise<Fleet> {
    const fleet = new Fleet(await Installation.open(start));
    await Promise.all(names.map((name) => fleet.add(name)));
    return fleet;
  }

  async add(name: string, options: FleetNodeOptions = {}): Promise<FleetNode> {
    const node = await FleetNode.open(this.installation, name, options);
    this.nodes.push(node);
    return node;
  }

  /** Takes a node away and its executor out of the colony. */
  async remove(name: string): Promise<void> {
    const node = this.node(name);
    this.nodes.splice(this.nodes.indexOf(node), 1);
    await node.close();
    await this.installation.removeExecutor(name);
  }

  node(name: string): FleetNode {
    const node = this.nodes.find((candidate) => candidate.name === name);
    if (node === undefined) throw new Error(`there is no node ${name}`);
    return node;
  }

  /** A package with payload, whose one function is told its path. */
  async publish(name: string, files: Readonly<Record<string, string>> = {}): Promise<void> {
    const call = `kind: Function
name: call
spec:
  funcname: run
  kwargs: {path: "\${package.path}"}
  conditions: {executortype: ${demoExecutor}}
  maxexectime: 60
`;
    await this.installation.universe.publish(name, "1.0.0", {
      files: { "payload/run.sh": `#!/bin/sh\n# ${name}\n`, "templates/call.yaml": call, ...files },
    });
  }

  /** Runs `cpm` to its end. */
  cpm(...args: readonly string[]): Promise<CommandEnd> {
    return this.installation.lab.cpm(args, this.environment());
  }

  environment(): Record<string, string> {
    return { CPM_REGISTRY: this.installation.universe.registry.host };
  }

  /** Asks a node's agent for something, and does not wait for it. */
  async submit(node: string, funcname: string, kwargs: JsonObject = {}): Promise<Process> {
    const conditions = { executortype: "cpm-agent", executornames: [node] };
    return this.installation.lab.colony.client.processes.submit({ funcname, kwargs, conditions });
  }

  /** What became of it. */
  async ended({ id }: Process): Promise<Process> {
    return waitForProcess(this.installation.lab.colony.client, id, { signal: AbortSignal.timeout(60_000) });
  }

  /** Calls a function of a node's agent. */
  async call(node: string, funcname: string, kwargs: JsonObject = {}): Promise<JsonObject> {
    const { output, errors } = await this.ended(await this.submit(node, funcname, kwargs));
    const [first] = output as readonly (JsonObject | undefined)[];
    if (first === undefined) throw new Error(errors.join());
    return first;
  }

  /** Who holds what on a node: `rise/tools@1.0.0 for books`. */
  async holders(node: string): Promise<readonly string[]> {
    const { packages } = await this.call(node, "cpm.list");
    const entries = packages as readonly { name: string; version: string; holders?: JsonValue }[];
    return entries.flatMap(({ name, version, holders }) =>
      (holders as readonly string[]).map((holder) => `${name}@${version} for ${holder}`),
    );
  }

  /** The node as its agent tells it, once it tells what is waited for. */
  async told(name: string, fits: (node: AgentNode) => boolean): Promise<AgentNode> {
    return toldBy(this.installation, name, fits);
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.close()));
    await this.installation.close();
  }
}

export interface FleetNodeOptions {
  /** Its packages directory. Default: the one that all have. */
  readonly root?: string;
  /** Default: the one of the fleet. */
  readonly registry?: string;
  /** Further arguments of its agent. */
  readonly args?: readonly string[];
}

export class FleetNode {
  readonly name: string;
  readonly folder: string = mkdtempSync(join(tmpdir(), "cpm-fleet-node-"));
  readonly network: FaultProxy;
  readonly #flags: readonly string[];
  readonly #root: string;
  #agent: AgentProcess | undefined;

  private constructor(name: string, root: string, network: FaultProxy, flags: readonly string[]) {
    this.name = name;
    this.network = network;
    this.#root = root;
    this.#flags = ["--executor-name", name, "--key", join(this.folder, "executor.key"), "--grace", "1s", ...flags];
  }

  static async open(installation: Installation, name: string, options: FleetNodeOptions): Promise<FleetNode> {
    const { root = sharedRoot, registry = installation.universe.registry.host, args = [] } = options;
    const { colony } = installation.lab;
    const network = await startFaultProxy(registry);
    const flags = ["--colony-server", colony.endpoint, "--colony", colony.client.colonyName, ...args];
    const node = new FleetNode(name, root, network, flags);
    const key = join(node.folder, "executor.key");
    const id = (await runAgentCommand(["id", "--key", key])).stdout.trim();
    const owner = colony.client.as(colony.colonyOwner);
    await owner.executors.add({ id, name, type: "cpm-agent" });
    await owner.executors.approve(name);
    await node.start();
    await toldBy(installation, name, (told) => told.root !== undefined && told.lastHeardAt !== undefined);
    return node;
  }

  /** Its packages directory, as the tests see it. */
  get packages(): string {
    return join(this.folder, "packages");
  }

  /** Where the tests see a path that the agent tells. */
  seen(path: string): string {
    return path.replace("/proc/self/cwd", this.folder);
  }

  /** What its agent has written since it was started. */
  get log(): readonly object[] {
    return this.#agent?.log ?? [];
  }

  async start(): Promise<void> {
    mkdirSync(this.folder, { recursive: true });
    const { folder, network } = this;
    const socket = join(folder, "agent.sock");
    const place = { root: this.#root, socket, folder };
    this.#agent = await startAgentProcess({ ...place, registry: network.host, args: this.#flags });
  }

  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGKILL"): Promise<AgentEnd | undefined> {
    return this.#agent?.end(signal);
  }

  async close(): Promise<void> {
    await this.stop();
    this.network.stop();
    Bun.spawnSync(["chmod", "-R", "u+w", this.folder]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function toldBy({ lab }: Installation, name: string, fits: (node: AgentNode) => boolean): Promise<AgentNode> {
  const read = async () => agentNodes(await lab.colony.client.executors.list()).find((node) => node.name === name);
  const node = await until(read, (found) => found !== undefined && fits(found));
  if (node === undefined) throw new TypeError("it was found");
  return node;
}
