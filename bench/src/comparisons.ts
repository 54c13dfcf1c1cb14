import { linkSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { digestHex } from "@cpm/base";
import { anonymous, createRegistryClient } from "@cpm/registry-client";
import { copyContent, openNodeStore, readFileBytes } from "@cpm/store";
import { compile } from "./executables.ts";
import type { Shape } from "./inputs.ts";
import { writeLargeFiles, writeSmallFiles } from "./inputs.ts";
import { readLayerJob } from "./layer-job.ts";
import type { Contender, Ground } from "./measure.ts";
import type { RegistryProcess } from "./registry-process.ts";
import type { Scratch } from "./scratch.ts";
import { execute } from "./scratch.ts";

/** One of our commands and what it is compared with; all are measured in turn. */
export interface Comparison {
  readonly ours: Contender;
  readonly peers: readonly Contender[];
  readonly ground: Ground;
  /** Times the number of rounds: what takes milliseconds is measured more often. */
  readonly repeat?: number;
}

type Kind = "large" | "small";

/** One content: its files, its packed layer, and what is known of that. */
interface Content {
  readonly kind: Kind;
  readonly label: string;
  readonly files: string;
  readonly layer: string;
  readonly job: string;
  /** Roughly, of the unpacked files on disk. */
  readonly sizeBytes: number;
}

/** Quoted for a shell. Our own paths hold no quotes. */
const quoted = (path: string): string => `'${path}'`;

function shell(name: string, script: (directory: string) => string): Contender {
  return { name, command: (directory) => ["bash", "-o", "pipefail", "-c", script(quoted(directory))] };
}

export function prepareContent(scratch: Scratch, kind: Kind, shape: Shape): Content {
  const files = scratch.path(kind);
  if (kind === "large") writeLargeFiles(files, shape);
  else writeSmallFiles(files, shape);
  const [layer, job] = [scratch.path(`${kind}.tar.zst`), scratch.path(`${kind}.json`)];
  execute(compile(scratch, "pack"), files, layer, job);
  const sizeBytes = kind === "large" ? shape.largeFiles * shape.largeFileBytes : shape.smallFiles * 8192;
  const label = kind === "large" ? `${Math.round(sizeBytes / 1e6)} MB` : `${shape.smallFiles} files`;
  return { kind, label, files, layer, job, sizeBytes };
}

/** Neither side syncs what it wrote: a packed file is made durable where it is taken into a store. */
export function packComparison(scratch: Scratch, content: Content): Comparison {
  const executable = scratch.path("bin", "pack");
  const tar = `tar -C ${quoted(content.files)} -cf - .`;
  return {
    ours: {
      name: `pack ${content.label}`,
      command: (directory) => [executable, content.files, join(directory, "out")],
    },
    peers: [
      shell("tar -c | zstd -3", (directory) => `${tar} | zstd -q -3 -o ${directory}/out`),
      shell("tar -c | zstd -3 -T0", (directory) => `${tar} | zstd -q -3 -T0 -o ${directory}/out`),
    ],
    ground: scratch.ground(content.sizeBytes, content.kind),
  };
}

/** From a blob that the node store holds already. */
export function unpackComparison(scratch: Scratch, content: Content): Comparison {
  const executable = compile(scratch, "unpack");
  const { descriptor } = readLayerJob(content.job);
  const extract = (directory: string) => `zstd -q -dc ${quoted(content.layer)} | tar -x -C ${directory}`;
  return {
    ours: {
      name: `unpack ${content.label} (verified, synced)`,
      command: (directory) => [executable, directory, content.job],
      prepare(directory) {
        const blobs = join(directory, "blobs", "sha256");
        mkdirSync(blobs, { recursive: true });
        linkSync(content.layer, join(blobs, digestHex(descriptor.digest)));
      },
    },
    peers: [
      shell("zstd -d | tar -x", extract),
      shell("zstd -d | tar -x, sync -f", (directory) => `${extract(directory)} && sync -f ${directory}`),
    ],
    ground: scratch.ground(1.5 * content.sizeBytes, content.kind),
  };
}

/** From the registry, which runs as a process of its own; ours keeps the blob too, as a node does. */
export async function pullComparison(
  scratch: Scratch,
  content: Content,
  registry: RegistryProcess,
): Promise<Comparison> {
  const executable = compile(scratch, "pull");
  const repository = `bench/${content.kind}`;
  const { descriptor } = readLayerJob(content.job);
  const client = createRegistryClient({ registry: registry.host, credentials: anonymous, userAgent: "cpm-bench" });
  await copyContent({ read: () => readFileBytes(content.layer) }, client.repository(repository), descriptor);
  const url = `http://${registry.host}/v2/${repository}/blobs/${descriptor.digest}`;
  const extract = (directory: string) => `curl -sSf ${url} | zstd -q -dc | tar -x -C ${directory}`;
  return {
    ours: {
      name: `pull ${content.label} (verified, synced, blob kept)`,
      command: (directory) => [executable, directory, content.job, registry.host, repository],
      prepare: (directory) => void openNodeStore(directory),
    },
    peers: [
      shell("curl | zstd -d | tar -x", extract),
      shell("curl | zstd -d | tar -x, sync -f", (directory) => `${extract(directory)} && sync -f ${directory}`),
    ],
    ground: scratch.ground(2 * content.sizeBytes, content.kind),
  };
}

/** What a user waits for before anything happens. */
export function startComparisons(scratch: Scratch): Comparison[] {
  const [cpm, empty] = [compile(scratch, "cpm"), compile(scratch, "empty")];
  const ground = scratch.ground(0, "large");
  const peer: Contender = { name: "an empty compiled executable", command: () => [empty] };
  return ["--version", "--help"].map((flag) => ({
    ours: { name: `cpm ${flag}`, command: () => [cpm, flag] },
    peers: [peer],
    ground,
    repeat: 4,
  }));
}
