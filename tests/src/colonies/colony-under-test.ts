import { describe, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ColoniesClient, Identity } from "@cpm/colonies";
import { startDevColony } from "@cpm/dev-colony";
import { startRealColony, whyNoRealColony } from "@cpm/dev-colony/real-colony";

/** A colony with one user, and a server that can be made to crash and come back on the same port. */
export interface TestColony {
  readonly endpoint: string;
  readonly serverOwner: Identity;
  readonly colonyOwner: Identity;
  readonly user: Identity;
  /** For the user. */
  readonly client: ColoniesClient;
  addExecutor(name: string, type: string): Promise<Identity>;
  killServer(): Promise<void>;
  startServer(): Promise<void>;
  stop(): Promise<void>;
}

interface TestColonyOptions {
  /** For how long the server bears an executor's silence, in whole seconds. Default 600. */
  readonly staleSeconds?: number;
  /** Whether an executor's name may be added again. Default false. */
  readonly reregister?: boolean;
}

/** Describes one suite for the embedded colony and once more for the real server, where that can run. */
export function describeOnColonies(name: string, define: (start: StartColony) => void): void {
  describe(`${name}: the embedded colony`, () => define(startEmbedded));
  const reason = whyNoRealColony();
  if (reason === undefined) describe(`${name}: ColonyOS 1.9.12`, () => define(startReal));
  else if (process.env["CI"] === undefined) {
    process.stderr.write(`${name} is not tested on the real ColonyOS server: ${reason}\n`);
    test.skip(`${name}: ColonyOS 1.9.12: ${reason}`, () => {});
  } else {
    test(`${name}: the real ColonyOS server can run in CI`, () => {
      throw new Error(reason);
    });
  }
}

export type StartColony = (options?: TestColonyOptions) => Promise<TestColony>;

/** The embedded colony, with a journal, so that it survives its own end. */
export const startEmbedded: StartColony = async (options = {}) => {
  const folder = mkdtempSync(join(tmpdir(), "cpm-embedded-colony-"));
  const [serverOwner, colonyOwner, user] = [Identity.generate(), Identity.generate(), Identity.generate()];
  const settings = {
    serverId: serverOwner.id,
    journalPath: join(folder, "journal.db"),
    allowReregister: options.reregister ?? false,
    staleExecutorMs: (options.staleSeconds ?? 600) * 1000,
  };
  let server = startDevColony(settings);
  const { endpoint, port } = server;
  const client = new ColoniesClient({ endpoint, colonyName: "dev", identity: user });
  const owner = client.as(colonyOwner);
  await client.as(serverOwner).server.addColony({ id: colonyOwner.id, name: "dev" });
  await owner.colony.addUser({ id: user.id, name: "myuser" });
  return {
    endpoint,
    serverOwner,
    colonyOwner,
    user,
    client,
    async addExecutor(name, type) {
      const identity = Identity.generate();
      await owner.executors.add({ id: identity.id, name, type });
      await owner.executors.approve(name);
      return identity;
    },
    killServer: () => server.stop(),
    async startServer() {
      server = startDevColony({ ...settings, port });
    },
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

const startReal: StartColony = async (options = {}) =>
  startRealColony({
    serverEnvironment: {
      COLONIES_STALE_EXECUTOR_DURATION: String(options.staleSeconds ?? 600),
      COLONIES_CLEANUP_INTERVAL: "1",
      COLONIES_ALLOW_EXECUTOR_REREGISTER: String(options.reregister ?? false),
    },
  });
