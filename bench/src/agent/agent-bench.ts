import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openAgent } from "@cpm/agent-client";
import { compile } from "../executables.ts";
import { startRegistry } from "../registry-process.ts";
import { publishPackage } from "../registry/content.ts";
import { medianOf } from "../registry/report.ts";
import type { Scratch } from "../scratch.ts";
import { callLoad } from "./call-load.ts";
import type { CallLoad, Mode, PackageOnNode } from "./call-load.ts";
import { measureNotice } from "./notice.ts";
import type { AgentResults, AgentRow } from "./report.ts";
import type { SocketServer } from "./servers.ts";
import { startServers } from "./servers.ts";

export interface AgentBenchOptions {
  readonly quick: boolean;
  readonly rounds: number;
  readonly note: (text: string) => void;
}

const settleMs = 2000;
const clientsAtOnce = 64;
const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Measures the ways to the path of an installed package: by the file system, and by `Resolve` beside an empty echo. */
export async function benchAgent(scratch: Scratch, options: AgentBenchOptions): Promise<AgentResults> {
  const folder = scratch.path("agent");
  const root = join(folder, "packages");
  mkdirSync(folder);
  const goClient = buildGoClient(folder);
  const agent = compile(scratch, "cpm-agent");
  const registry = await startRegistry(folder);
  try {
    const installed = { root, name: "bench/small", version: "1.0.0" };
    await publishPackage(registry.host, { ...installed, description: "A package.", keywords: [] });
    const servers = await startServers({ folder, root, registry: registry.host, agent, client: goClient });
    try {
      const { figures } = servers[0];
      // What the start and the ensure left is collected meanwhile, as on a node that idles.
      await Bun.sleep(settleMs);
      const startedBytes = figures.residentBytes();
      await ensure(servers[0], installed);
      await Bun.sleep(settleMs);
      const idleBytes = figures.residentBytes();
      const notice = await measureNotice(servers[0], root, registry.host, options.quick ? 10 : 50);
      const clients = { Go: [goClient], TypeScript: [process.execPath, source("client.ts")] };
      const rows: AgentResults["rows"][number][] = [];
      for (const [name, command] of Object.entries(clients))
        rows.push(...(await measureClient(name, command, servers, installed, options)));
      const loadedBytes = await loadByMany([goClient], servers[0], installed, options.quick ? 100 : 1000);
      await Bun.sleep(settleMs);
      const restingBytes = figures.residentBytes();
      const memory = { startedBytes, idleBytes, loadedBytes, restingBytes, clients: clientsAtOnce };
      return { rows, memory, notice };
    } finally {
      for (const server of servers) await server.stop();
    }
  } finally {
    await registry.stop();
  }
}

/** The most that the server takes while many processes ask it at once. */
async function loadByMany(
  client: readonly string[],
  server: SocketServer,
  installed: PackageOnNode,
  count: number,
): Promise<number> {
  const clients = Array.from({ length: clientsAtOnce }, () => callLoad(client, "resolve", server, installed, count));
  return Math.max(...(await Promise.all(clients)).map(({ peakMemoryBytes }) => peakMemoryBytes));
}

async function measureClient(
  client: string,
  command: readonly string[],
  servers: readonly [SocketServer, ...SocketServer[]],
  installed: PackageOnNode,
  { quick, rounds, note }: AgentBenchOptions,
): Promise<AgentResults["rows"]> {
  const [agent, ...echoes] = servers;
  const ways: readonly { what: string; mode: Mode; server: SocketServer }[] = [
    { what: "readlink", mode: "readlink", server: agent },
    { what: "hold (readlink, flock, stat)", mode: "hold", server: agent },
    { what: "Resolve", mode: "resolve", server: agent },
    ...echoes.map((server) => ({ what: server.name, mode: "resolve" as const, server })),
  ];
  const samples = ways.map(() => [] as CallLoad[]);
  for (let round = 0; round < rounds; round++)
    for (let turn = 0; turn < ways.length; turn++) {
      const index = (round + turn) % ways.length;
      const way = ways[index];
      if (way === undefined) continue;
      const count = way.mode === "readlink" ? 200_000 : quick ? 3000 : 20_000;
      samples[index]?.push(await callLoad(command, way.mode, way.server, installed, count));
    }
  const measured = ways.map(({ what }, index): AgentRow => ({ client, what, ...mediansOf(samples[index] ?? []) }));
  for (const { what, p50Us, p99Us } of measured)
    note(`${client}, ${what}: p50 ${p50Us.toFixed(1)} µs, p99 ${p99Us.toFixed(1)} µs`);
  const [link, hold, resolve, ...peers] = measured;
  if (link === undefined || hold === undefined || resolve === undefined) throw new Error("every way was measured");
  return [{ row: hold, peer: link }, { row: resolve, peer: link }, ...peers.map((peer) => ({ row: resolve, peer }))];
}

function mediansOf(samples: readonly CallLoad[]): CallLoad {
  const median = (of: (sample: CallLoad) => number): number => medianOf(samples.map(of));
  return {
    p50Us: median(({ p50Us }) => p50Us),
    p99Us: median(({ p99Us }) => p99Us),
    clientCpuUs: median(({ clientCpuUs }) => clientCpuUs),
    serverCpuUs: median(({ serverCpuUs }) => serverCpuUs),
    peakMemoryBytes: Math.max(...samples.map(({ peakMemoryBytes }) => peakMemoryBytes)),
  };
}

async function ensure({ socket }: SocketServer, { root, name, version }: PackageOnNode): Promise<void> {
  const agent = openAgent({ socket, root, clientName: "cpm-bench", clientVersion: "0" });
  await agent.ensure({ package: { name, selector: { case: "range", value: version } } });
  agent.close();
}

/** With the toolchain that is on the path, against the sources of `sdk/go`. */
function buildGoClient(folder: string): string {
  const outfile = join(folder, "agent-client");
  const { exitCode, stderr } = Bun.spawnSync(["go", "build", "-o", outfile, "."], { cwd: source("client") });
  if (exitCode !== 0) throw new Error(`the Go client was not built: ${stderr.toString()}`);
  return outfile;
}
