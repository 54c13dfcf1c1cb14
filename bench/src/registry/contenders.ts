import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { debianPrograms, goPrograms, installDebianProgram, installGoProgram } from "@cpm/dev-colony/programs";
import { defaultCacheDirectory } from "@cpm/dev-colony/real-colony";
import { ProcessFigures } from "../process-figures.ts";

/** A registry as a process of its own, for everybody to read and write. Must be stopped. */
export interface Contender {
  readonly name: string;
  readonly host: string;
  /** From now on `peakMemoryBytes` is of what comes. */
  resetPeakMemory(): void;
  /** Highest resident memory since the last reset. */
  peakMemoryBytes(): number;
  /** Processor time since its start, in ms. */
  cpuMs(): number;
  stop(): Promise<void>;
}

const startTimeoutMs = 30_000;
const ownProgram = join(import.meta.dir, "../../../apps/registry/src/main.ts");

/** Ours first; all on one disk, in folders of `root`. The others are built or fetched on first use. */
export async function startContenders(root: string): Promise<readonly Contender[]> {
  const dockerRegistry = await installDebianProgram(debianPrograms.dockerRegistry, defaultCacheDirectory());
  const distribution = await installGoProgram(goPrograms.distribution, defaultCacheDirectory());
  const own = await freeHost();
  const data = join(root, "cpm-registry");
  const flags = [
    "--open",
    "--data",
    data,
    "--listen",
    own,
    "--publishes-per-minute",
    "100000000",
    "--scrub-every",
    "off",
  ];
  const started = [
    await start("cpm-registry", own, [process.execPath, ownProgram, "serve", ...flags], {}),
    await startDistribution("docker-registry 2.8", root, dockerRegistry.executable, dockerRegistry.env),
    await startDistribution("distribution 3", root, distribution, {}),
  ];
  return started;
}

async function startDistribution(
  name: string,
  root: string,
  executable: string,
  env: Readonly<Record<string, string>>,
): Promise<Contender> {
  const folder = join(root, name.replace(" ", "-"));
  mkdirSync(folder);
  const host = await freeHost();
  const config = join(folder, "config.yml");
  writeFileSync(
    config,
    `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage:
  cache: {blobdescriptor: inmemory}
  filesystem: {rootdirectory: ${folder}/data}
  delete: {enabled: true}
http: {addr: "${host}"}
`,
  );
  return start(name, host, [executable, "serve", config], env);
}

async function start(
  name: string,
  host: string,
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Contender> {
  const child = Bun.spawn([...command], {
    env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "/", OTEL_TRACES_EXPORTER: "none", ...env },
    stdio: ["ignore", "ignore", "ignore"],
  });
  const stop = async (): Promise<void> => {
    child.kill();
    await child.exited;
  };
  const figures = new ProcessFigures(child.pid);
  const giveUpAt = performance.now() + startTimeoutMs;
  while (!(await answers(host))) {
    if (child.exitCode === null && performance.now() < giveUpAt) await Bun.sleep(50);
    else {
      await stop();
      throw new Error(`${name} did not start`);
    }
  }
  return {
    name,
    host,
    resetPeakMemory: () => figures.resetPeakMemory(),
    peakMemoryBytes: () => figures.peakMemoryBytes(),
    cpuMs: () => figures.cpuMs(),
    stop,
  };
}

/** The others do not say which port they were given, so one that was free a moment ago is named. */
async function freeHost(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === "string") throw new Error("there is no port");
  return `127.0.0.1:${address.port}`;
}

async function answers(host: string): Promise<boolean> {
  return fetch(`http://${host}/v2/`).then(
    ({ status }) => status === 200 || status === 401,
    () => false,
  );
}
