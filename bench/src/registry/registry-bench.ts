import { mkdirSync } from "node:fs";
import { execute } from "../scratch.ts";
import type { Scratch } from "../scratch.ts";
import { fillRegistry, publishPackages } from "./content.ts";
import type { RegistryContent, RegistryShape } from "./content.ts";
import type { Contender } from "./contenders.ts";
import { startContenders } from "./contenders.ts";
import { getLoad } from "./get-load.ts";
import type { Load } from "./get-load.ts";
import { putLoad } from "./put-load.ts";
import { medianOf } from "./report.ts";
import type { RegistryResult } from "./report.ts";

const fullShape: RegistryShape = { blobBytes: 64 * 1024 * 1024, tags: 1000, packages: 10_000 };
const quickShape: RegistryShape = { blobBytes: 16 * 1024 * 1024, tags: 100, packages: 300 };
const clientCounts = [1, 8, 64] as const;

type RowLoad = (contender: Contender, clients: number) => Promise<Load>;

export interface RegistryBenchOptions {
  readonly quick: boolean;
  readonly rounds: number;
  readonly note: (text: string) => void;
}

/** Measures `cpm-registry` and its peers, all running and filled alike, in turn for every request and client count. */
export async function benchRegistry(scratch: Scratch, options: RegistryBenchOptions): Promise<RegistryResult[]> {
  const { quick, rounds, note } = options;
  const shape = quick ? quickShape : fullShape;
  const root = scratch.path("registries");
  mkdirSync(root);
  const contenders = await startContenders(root);
  try {
    const contents = new Map<Contender, RegistryContent>();
    for (const contender of contenders) contents.set(contender, await fillRegistry(contender.host, shape));
    const [own] = contenders;
    if (own === undefined) throw new Error("ours is the first");
    execute("sync", "-f", root);
    const durationS = quick ? 1 : 3;
    const get =
      (path: (content: RegistryContent) => string, times: number, bodyBytes?: number): RowLoad =>
      (contender, clients) => {
        const url = `http://${contender.host}${path(contents.get(contender) ?? noContent())}`;
        return getLoad(url, clients, times * durationS, bodyBytes);
      };
    let seed = 0;
    const push = (contender: Contender, clients: number) =>
      putLoad(contender.host, { clients, pushes: Math.max(clients, 16), blobBytes: shape.blobBytes, seed: ++seed });
    const size = `${shape.blobBytes >> 20} MB`;
    const rows: readonly [string, RowLoad][] = [
      ["manifest GET by tag", get(({ manifestPath }) => manifestPath, 1)],
      [`list of ${shape.tags} tags`, get(({ tagsPath }) => tagsPath, 1)],
      [`blob GET, ${size}`, get(({ blobPath }) => blobPath, 4, shape.blobBytes)],
      [`blob PUT, ${size}`, push],
    ];
    const results: RegistryResult[] = [];
    const measureRow = async (what: string, who: readonly Contender[], load: RowLoad): Promise<void> => {
      for (const clients of clientCounts) {
        note(`${what}, ${clients} at once`);
        results.push({ what, clients, measured: await inTurn(who, rounds, root, (one) => load(one, clients), note) });
      }
    };
    for (const [what, load] of rows) await measureRow(what, contenders, load);
    note(`publishing ${shape.packages} packages to be searched`);
    const search = await publishPackages(own.host, shape.packages);
    for (const [what, path] of [
      [`search of ${shape.packages} packages`, search.byWord],
      ["the same, narrowed by keyword and owner", search.narrowed],
    ] as const)
      await measureRow(what, [own], ({ host }, clients) => getLoad(`http://${host}${path}`, clients, durationS));
    return results;
  } finally {
    for (const contender of contenders) await contender.stop();
  }
}

interface Sample extends Load {
  /** Of the server, a request. */
  readonly cpuMs: number;
  readonly peak: number;
}

/** So many rounds, each beginning with another one; what is written is on the disk before the next is measured. */
async function inTurn(
  contenders: readonly Contender[],
  rounds: number,
  root: string,
  load: (contender: Contender) => Promise<Load>,
  note: (text: string) => void,
) {
  const samples = new Map(contenders.map((contender) => [contender, [] as Sample[]]));
  for (let round = 0; round < rounds; round++)
    for (let turn = 0; turn < contenders.length; turn++) {
      const contender = contenders[(round + turn) % contenders.length];
      if (contender === undefined) continue;
      execute("sync", "-f", root);
      contender.resetPeakMemory();
      const startedMs = contender.cpuMs();
      const measured = await load(contender);
      const cpuMs = (contender.cpuMs() - startedMs) / measured.requests;
      samples.get(contender)?.push({ ...measured, cpuMs, peak: contender.peakMemoryBytes() });
    }
  return [...samples].map(([{ name }, loads]) => {
    const requestsPerSecond = medianOf(loads.map((one) => one.requestsPerSecond));
    const p99Ms = medianOf(loads.map((one) => one.p99Ms));
    const cpuMs = medianOf(loads.map((one) => one.cpuMs));
    const peakMemoryBytes = Math.max(...loads.map((one) => one.peak));
    note(`${name}: ${requestsPerSecond.toFixed(1)}/s, p99 ${p99Ms.toFixed(2)} ms`);
    return { contender: name, requestsPerSecond, p99Ms, cpuMs, peakMemoryBytes };
  });
}

function noContent(): never {
  throw new Error("every registry was filled");
}
