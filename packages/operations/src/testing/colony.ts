import { ColoniesClient, Identity } from "@cpm/colonies";
import { startDevColony } from "@cpm/dev-colony";

/** An embedded colony with its owner and one member. */
export interface SmallColony {
  readonly owner: ColoniesClient;
  readonly client: ColoniesClient;
  readonly stranger: ColoniesClient;
  readonly endpoint: string;
  stop(): Promise<void>;
}

export async function startSmallColony(): Promise<SmallColony> {
  const [server, owner, user] = [Identity.generate(), Identity.generate(), Identity.generate()];
  const colony = startDevColony({ serverId: server.id });
  const client = new ColoniesClient({ endpoint: colony.endpoint, colonyName: "dev", identity: user });
  await client.as(server).server.addColony({ id: owner.id, name: "dev" });
  await client.as(owner).colony.addUser({ id: user.id, name: "user" });
  return {
    owner: client.as(owner),
    client,
    stranger: client.as(Identity.generate()),
    endpoint: colony.endpoint,
    stop: () => colony.stop(),
  };
}
