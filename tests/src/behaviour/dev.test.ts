import { ColoniesClient, Identity } from "@cpm/colonies";
import { startDevColony } from "@cpm/dev-colony";
import { describeColonyBehaviour } from "./behaviour.contract.ts";
import type { ColonyUnderTest } from "./wire.ts";

describeColonyBehaviour("the embedded colony", async (): Promise<ColonyUnderTest> => {
  const [serverOwner, colonyOwner, user] = [Identity.generate(), Identity.generate(), Identity.generate()];
  const colony = startDevColony({ serverId: serverOwner.id });
  const client = new ColoniesClient({ endpoint: colony.endpoint, colonyName: "dev", identity: colonyOwner });
  await client.as(serverOwner).server.addColony({ id: colonyOwner.id, name: "dev" });
  await client.colony.addUser({ id: user.id, name: "myuser" });
  return {
    endpoint: colony.endpoint,
    colonyName: "dev",
    serverOwner,
    colonyOwner,
    user,
    async addExecutor(name, type) {
      const identity = Identity.generate();
      await client.executors.add({ id: identity.id, name, type });
      await client.executors.approve(name);
      return identity;
    },
    stop: () => colony.stop(),
  };
});
