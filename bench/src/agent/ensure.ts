import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openAgent } from "@cpm/agent-client";
import { digestHex, formatBytes } from "@cpm/base";
import type { Digest } from "@cpm/base";
import { mediaTypes } from "@cpm/oci";
import { compile } from "../executables.ts";
import { fullShape, quickShape, writeLargeFiles, writeSmallFiles } from "../inputs.ts";
import type { Shape } from "../inputs.ts";
import type { Sample } from "../measure.ts";
import { ProcessFigures } from "../process-figures.ts";
import { startRegistry } from "../registry-process.ts";
import { compare } from "../report.ts";
import type { Result } from "../report.ts";
import type { Scratch } from "../scratch.ts";
import { execute } from "../scratch.ts";
import { startListening } from "./listening-process.ts";

export interface EnsureBenchOptions {
  readonly quick: boolean;
  readonly rounds: number;
  readonly note: (text: string) => void;
}

type Kind = "large" | "small";

/** A package in the registry, and what its payload is fetched by when no program of ours does it. */
interface Published {
  readonly kind: Kind;
  readonly label: string;
  readonly name: string;
  readonly registry: string;
  readonly layer: { readonly url: string; readonly hex: string };
  /** Roughly, of the unpacked files on disk. */
  readonly sizeBytes: number;
}

/** One way to the files; each run is given a fresh directory. */
interface Way {
  readonly name: string;
  readonly run: (directory: string) => Promise<Sample>;
}

const version = "1.0.0";

/**
 * Ensures a package of large files and one of many small files through a whole agent, beside what a shell does with the
 * same layer of the same registry. The agent runs before the clock starts, on an empty directory in each round.
 */
export async function benchEnsure(scratch: Scratch, { quick, rounds, note }: EnsureBenchOptions): Promise<Result[]> {
  const folder = scratch.path("ensure");
  mkdirSync(folder);
  const [cpm, agent] = [compile(scratch, "cpm"), compile(scratch, "cpm-agent")];
  const registry = await startRegistry(folder);
  try {
    const results: Result[] = [];
    for (const kind of ["large", "small"] as const) {
      const published = await publish(join(folder, kind), kind, quick ? quickShape : fullShape, registry.host, cpm);
      const ways = [viaAgent(agent, published, note), ...viaShell(published)];
      results.push(...(await measureWays(ways, rounds, scratch, published)));
    }
    for (const { name, peer, wallRatio, cpuRatio } of results)
      note(`${name} ÷ ${peer}: wall ${wallRatio.median.toFixed(2)}, CPU ${cpuRatio.median.toFixed(2)}`);
    return results;
  } finally {
    await registry.stop();
  }
}

async function publish(root: string, kind: Kind, shape: Shape, registry: string, cpm: string): Promise<Published> {
  const name = `bench/${kind}`;
  if (kind === "large") writeLargeFiles(join(root, "payload"), shape);
  else writeSmallFiles(join(root, "payload"), shape);
  const manifest = `apiVersion: cpm/v1\nname: ${name}\nversion: ${version}\ndescription: A package.\n`;
  writeFileSync(join(root, "colony.yaml"), `${manifest}payload:\n  - {include: [payload/**]}\n`);
  execute(cpm, "publish", root, "--registry", registry);
  const repository = `http://${registry}/v2/${name}`;
  const response = await fetch(`${repository}/manifests/${version}`, { headers: { accept: mediaTypes.manifest } });
  const { layers } = (await response.json()) as { layers: readonly { digest: Digest }[] };
  const layer = layers.at(-1);
  if (layer === undefined) throw new Error(`${name} has no payload`);
  const sizeBytes = kind === "large" ? shape.largeFiles * shape.largeFileBytes : shape.smallFiles * 8192;
  return {
    kind,
    label: kind === "large" ? `${Math.round(sizeBytes / 1e6)} MB` : `${shape.smallFiles} files`,
    name,
    registry,
    layer: { url: `${repository}/blobs/${layer.digest}`, hex: digestHex(layer.digest) },
    sizeBytes,
  };
}

/** From the call to its answer. The peak is the worker's; the supervisor's is noted. */
function viaAgent(program: string, { label, name, registry }: Published, note: (text: string) => void): Way {
  return {
    name: `ensure ${label} (verified, confined, synced, blob kept)`,
    async run(directory) {
      const agent = await startAgent(program, directory, registry);
      try {
        const client = openAgent({ ...agent, clientName: "cpm-bench", clientVersion: "0" });
        const before = processorMs(agent.pid);
        const startedAt = performance.now();
        await client.ensure({ package: { name, selector: { case: "range", value: version } } });
        const wallMs = performance.now() - startedAt;
        const cpuMs = processorMs(agent.pid) - before;
        client.close();
        const metrics = await (await fetch(`http://${agent.watchPoint}/metrics`)).text();
        const peakBytes = Number(/^cpm_agent_worker_peak_bytes (\d+)/m.exec(metrics)?.[1]);
        const supervisorBytes = new ProcessFigures(agent.pid).peakMemoryBytes();
        note(`${label}: worker at most ${formatBytes(peakBytes)}, supervisor ${formatBytes(supervisorBytes)}`);
        return { wallMs, cpuMs, peakBytes };
      } finally {
        await agent.stop();
      }
    },
  };
}

async function startAgent(program: string, directory: string, registry: string) {
  const [root, socket] = [join(directory, "packages"), join(directory, "agent.sock")];
  const flags = [
    "--root",
    root,
    "--socket",
    socket,
    "--registry",
    registry,
    "--metrics",
    "127.0.0.1:0",
    "--log",
    "off",
  ];
  const { pid, said, stop } = await startListening([program, "serve", ...flags], /^listening on .* and (\S+)$/m);
  return { root, socket, pid, watchPoint: said[1] ?? "", stop };
}

function viaShell({ name, registry, layer }: Published): Way[] {
  const extract = (directory: string) => `curl -sSf ${layer.url} | zstd -q -dc | tar -x -C '${directory}'`;
  const copy = (directory: string) =>
    `skopeo copy -q --src-tls-verify=false docker://${registry}/${name}:${version} 'dir:${directory}/blobs' && ` +
    `zstd -q -dc < '${directory}/blobs/${layer.hex}' | tar -x -C '${directory}'`;
  const shell = (peer: string, script: (directory: string) => string): Way => ({
    name: peer,
    run: (directory) => runShell(peer, script(directory)),
  });
  return [
    shell("curl | zstd -d | tar -x", extract),
    shell("curl | zstd -d | tar -x, sync -f", (directory) => `${extract(directory)} && sync -f '${directory}'`),
    shell("skopeo copy, zstd -d | tar -x, sync -f", (directory) => `${copy(directory)} && sync -f '${directory}'`),
  ];
}

async function runShell(name: string, script: string): Promise<Sample> {
  const startedAt = performance.now();
  const child = Bun.spawn(["bash", "-o", "pipefail", "-c", script], { stdio: ["ignore", "ignore", "inherit"] });
  const exitCode = await child.exited;
  const wallMs = performance.now() - startedAt;
  if (exitCode !== 0) throw new Error(`${name} ended with status ${exitCode}`);
  return { wallMs, cpuMs: Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1000, peakBytes: undefined };
}

/** In turn, so many rounds; a round before the first only warms the caches and is not counted. */
async function measureWays(
  ways: readonly Way[],
  rounds: number,
  scratch: Scratch,
  { kind, sizeBytes }: Published,
): Promise<Result[]> {
  const ground = scratch.ground(2 * sizeBytes, kind);
  const samples = ways.map((): Sample[] => []);
  for (let round = 0; round <= rounds; round++)
    for (let turn = 0; turn < ways.length; turn++) {
      const index = (round + turn) % ways.length;
      const directory = ground.freshDirectory();
      ground.settle(directory);
      const sample = await ways[index]?.run(directory);
      ground.leave(directory);
      if (round > 0 && sample !== undefined) samples[index]?.push(sample);
    }
  const [own = [], ...others] = samples;
  return others.map((theirs, index) => compare(ways[0]?.name ?? "", ways[index + 1]?.name ?? "", own, theirs));
}

/** User and system time of a process and of its children that have ended (proc(5), fields 14 to 17), in steps of 10 ms. */
function processorMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks) * 10, 0);
}
