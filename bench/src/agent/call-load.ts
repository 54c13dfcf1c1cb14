import type { SocketServer } from "./servers.ts";

/** How a client comes to the path of a package. */
export type Mode = "readlink" | "hold" | "resolve";

/** One client, one call after another. */
export interface CallLoad {
  readonly p50Us: number;
  readonly p99Us: number;
  /** Processor time of a call, at the client and at the server. */
  readonly clientCpuUs: number;
  readonly serverCpuUs: number;
  /** Highest resident memory of the server meanwhile. */
  readonly peakMemoryBytes: number;
}

export interface PackageOnNode {
  readonly root: string;
  readonly name: string;
  readonly version: string;
}

/** Runs a client process against a server. The client's processor time includes its start. */
export async function callLoad(
  client: readonly string[],
  mode: Mode,
  { socket, figures }: SocketServer,
  { root, name, version }: PackageOnNode,
  count: number,
): Promise<CallLoad> {
  figures.resetPeakMemory();
  const startedMs = figures.cpuMs();
  const child = Bun.spawn([...client, mode, socket, root, name, version, String(count)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [output, exitCode] = await Promise.all([new Response(child.stdout).text(), child.exited]);
  if (exitCode !== 0) throw new Error(`a client ended with status ${exitCode}`);
  const { calls, p50Us, p99Us } = JSON.parse(output) as { calls: number; p50Us: number; p99Us: number };
  return {
    p50Us,
    p99Us,
    clientCpuUs: Number(child.resourceUsage()?.cpuTime.total ?? 0) / calls,
    serverCpuUs: ((figures.cpuMs() - startedMs) * 1000) / calls,
    peakMemoryBytes: figures.peakMemoryBytes(),
  };
}
