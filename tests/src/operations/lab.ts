import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "@cpm/base";
import { isCpmError } from "@cpm/base";
import { ColoniesClient, processStates } from "@cpm/colonies";
import type { Fetch, Process } from "@cpm/colonies";
import {
  executeInstall,
  initColony,
  packPackage,
  parsePackageSource,
  prepareInstall,
  readPackageDirectory,
  uninstallRelease,
  PackageMetadata,
} from "@cpm/operations";
import type { InstalledRelease, ReleaseContext, UninstallResult } from "@cpm/operations";
import { anonymous, createRegistryClient } from "@cpm/registry-client";
import { openNodeStore, writeLayoutFile } from "@cpm/store";
import type { StartColony, TestColony } from "../colonies/colony-under-test.ts";
import { demoExecutor, writeDemoPackage } from "./demo-package.ts";

const root = join(import.meta.dir, "../../..");

export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(durationMs, signal) {
    signal?.throwIfAborted();
    await sleep(durationMs);
    signal?.throwIfAborted();
  },
};

/** How a client that is asked for an install is called by tests: silence counts quickly. */
export interface LabInstall {
  readonly package?: string;
  readonly silenceMs?: number;
  readonly signal?: AbortSignal;
  /** The node store; the paths in it stand in what is submitted. Default: a new one. */
  readonly packages?: string;
  /** Stands between the client and the colony. */
  readonly fetch?: Fetch;
  readonly skipRequirements?: boolean;
  /** False for somebody without the colony owner's key. */
  readonly owner?: boolean;
}

/** What the colony holds of one release. */
export interface Census {
  /** `Kind/name` of every process that was ever submitted, once for each workflow or function. */
  readonly submitted: readonly string[];
  /** The same of what waits or runs. */
  readonly live: readonly string[];
  readonly crons: readonly string[];
  readonly generators: readonly string[];
  readonly blueprints: readonly string[];
}

/** A colony that keeps releases, and a place for packages and node stores. Must be closed. */
export class Lab {
  readonly colony: TestColony;
  readonly folder: string = mkdtempSync(join(tmpdir(), "cpm-lab-"));
  /** The demo package, packed. */
  readonly demo: string;
  #count = 0;

  private constructor(colony: TestColony) {
    this.colony = colony;
    this.demo = join(this.folder, "demo.cpm");
  }

  static async open(start: StartColony): Promise<Lab> {
    const lab = new Lab(await start());
    await initColony(lab.colony.client.as(lab.colony.colonyOwner));
    await lab.colony.addExecutor("demo-1", demoExecutor);
    await lab.pack(writeDemoPackage(join(lab.folder, "demo")), lab.demo);
    return lab;
  }

  async pack(directory: string, file: string): Promise<string> {
    const layout = this.fresh("layout");
    await packPackage(readPackageDirectory(directory).directory, layout);
    writeLayoutFile(layout, file);
    return file;
  }

  /** A path that nobody has used. */
  fresh(name: string): string {
    return join(this.folder, `${name}-${++this.#count}`);
  }

  /** A client as one `cpm` makes it: with a node store of its own, unless one is named. */
  context(options: LabInstall = {}): ReleaseContext {
    const { colonyOwner, endpoint, user } = this.colony;
    const { colonyName } = this.colony.client;
    const scratch = this.fresh("scratch");
    const client = new ColoniesClient({ endpoint, colonyName, identity: user, fetch: options.fetch });
    const registry = (host: string) =>
      createRegistryClient({ registry: host, credentials: anonymous, userAgent: "test", clock: systemClock });
    return {
      client,
      owner: options.owner === false ? undefined : client.as(colonyOwner),
      node: openNodeStore(options.packages ?? this.fresh("packages")),
      access: {
        registry,
        reader: (host, name) => registry(host).repository(name),
        metadata: new PackageMetadata({ registry, cacheDirectory: this.fresh("listings"), clock: systemClock }),
        clock: systemClock,
        scratch: () => scratch,
        signal: options.signal,
      },
      clock: systemClock,
      cpmVersion: "0.1.0",
      hostName: "lab",
      signal: options.signal,
    };
  }

  async install(releaseName: string | undefined, options: LabInstall = {}): Promise<InstalledRelease> {
    const context = this.context(options);
    const request = {
      source: parsePackageSource(options.package ?? this.demo),
      given: [],
      releaseName,
      platform: "linux/amd64",
      silenceMs: options.silenceMs ?? 1,
      skipRequirements: options.skipRequirements ?? false,
    };
    return executeInstall(await prepareInstall(request, context), context, () => {});
  }

  async uninstall(release: string, purge = false, options: LabInstall = {}): Promise<UninstallResult> {
    return uninstallRelease({ release, purge, silenceMs: options.silenceMs ?? 1 }, this.context(options), () => {});
  }

  /** The environment of a `cpm` process that works with this colony. */
  environment(packages: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
    const kept = Object.entries(process.env).filter(([name]) => !/^(COLONIES_|CPM_|XDG_|HOME$)/.test(name));
    const { hostname, port } = new URL(this.colony.endpoint);
    return {
      ...(Object.fromEntries(kept) as Record<string, string>),
      HOME: this.folder,
      COLONIES_SERVER_HOST: hostname,
      COLONIES_SERVER_PORT: port,
      COLONIES_COLONY_NAME: this.colony.client.colonyName,
      COLONIES_PRVKEY: this.colony.user.exportPrivateKey(),
      COLONIES_COLONY_PRVKEY: this.colony.colonyOwner.exportPrivateKey(),
      CPM_PACKAGES: packages,
      CPM_REGISTRY: "localhost:1",
      ...more,
    };
  }

  /** Starts `cpm` from the source. */
  spawn(args: readonly string[], env: Record<string, string>): Bun.Subprocess<"ignore", "pipe", "pipe"> {
    return Bun.spawn([process.execPath, join(root, "apps/cli/src/main.ts"), ...args], {
      cwd: this.folder,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  /** Runs `cpm` to its end. */
  async cpm(args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<CommandEnd> {
    return endOf(this.spawn(args, this.environment(more["CPM_PACKAGES"] ?? this.fresh("packages"), more)));
  }

  async census(release: string): Promise<Census> {
    const { client } = this.colony;
    const label = `cpm:${release}`;
    const lists = await Promise.all(processStates.map((state) => client.processes.list({ state, label })));
    const live = [...(lists[0] ?? []), ...(lists[1] ?? [])];
    const named = (things: readonly { readonly name: string }[]) =>
      things.map(({ name }) => name).filter((name) => name.startsWith(`cpm.${release}.`));
    return {
      submitted: onceEach(lists.flat()),
      live: onceEach(live),
      crons: named(await client.crons.list()),
      generators: named(await client.generators.list()),
      blueprints: named(await client.blueprints.list("DemoNote")),
    };
  }

  async close(): Promise<void> {
    await this.colony.stop();
    Bun.spawnSync(["chmod", "-R", "u+w", this.folder]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface CommandEnd {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export async function endOf(child: Bun.Subprocess<"ignore", "pipe", "pipe">): Promise<CommandEnd> {
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  await child.exited;
  return { status: child.exitCode, signal: child.signalCode as NodeJS.Signals | null, stdout, stderr };
}

/** What a release of the demo package comes to, submitted once and alive. */
export function wholeDemo(release: string): Census {
  return {
    submitted: ["Function/greet", "Workflow/chain"],
    live: ["Function/greet", "Workflow/chain"],
    crons: [`cpm.${release}.yearly`],
    generators: [`cpm.${release}.gather`],
    blueprints: [`cpm.${release}.note`],
  };
}

/** Nothing of a release is at work or stands in the colony. */
export const nothing = { live: [], crons: [], generators: [], blueprints: [] };

function onceEach(processes: readonly Process[]): string[] {
  const marks = new Map(
    processes.map((process) => {
      const env = process.spec["env"] as { readonly CPM_RESOURCE?: string } | undefined;
      return [process.workflowId === "" ? process.id : process.workflowId, env?.CPM_RESOURCE ?? "?"];
    }),
  );
  return [...marks.values()].toSorted();
}

/** The error that a promise is rejected with; throws when it is not. */
export async function errorOf(promise: Promise<unknown>): Promise<{ code: string; message: string; hint: string }> {
  try {
    await promise;
  } catch (error) {
    if (!isCpmError(error)) throw error;
    return { code: error.code, message: error.message, hint: error.hint ?? "" };
  }
  throw new Error("nothing was thrown");
}

/** Runs jobs, so many at once, and answers in their order. */
export async function inParallel<T, R>(width: number, jobs: readonly T[], run: (job: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const queue = [...jobs.entries()];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) results[next[0]] = await run(next[1]);
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results;
}
