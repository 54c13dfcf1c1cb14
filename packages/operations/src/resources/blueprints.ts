import type { JsonObject } from "@cpm/base";
import { isJsonObject } from "@cpm/base";
import type { ResourceHandler } from "./resource-handler.ts";
import { missingState, takingName, whenPresent } from "./resource-handler.ts";

/** A record of the colony, which reconcilers act upon. */
export const blueprintHandler: ResourceHandler = {
  objectName: (release, name) => `cpm.${release}.${name}`,

  async create({ name, object = name, spec, labels, createdAt }, { client, signal }) {
    const metadata = objectIn(spec, "metadata");
    const { locationname } = metadata;
    const blueprint = await takingName(object, () =>
      client.blueprints.add(
        {
          kind: typeof spec["kind"] === "string" ? spec["kind"] : "",
          name: object,
          labels: { ...(objectIn(metadata, "labels") as Record<string, string>), ...labels },
          ...(typeof locationname === "string" && locationname !== "" ? { locationName: locationname } : {}),
          spec: objectIn(spec, "spec"),
          createdAt,
        },
        { signal },
      ),
    );
    return { name, id: blueprint.name };
  },

  async find({ name, object, release, revision }, _work, { client, signal }) {
    const found = object === undefined ? undefined : await client.blueprints.get(object, { signal });
    const { labels = {} } = found ?? {};
    const own = labels["app"] === "cpm" && labels["release"] === release && labels["revision"] === String(revision);
    return found === undefined || !own ? undefined : { name, id: found.name };
  },

  async state({ id }, { client, signal }) {
    const blueprint = await client.blueprints.get(id, { signal });
    if (blueprint === undefined) return missingState("the blueprint");
    return { state: "active", detail: `generation ${blueprint.generation}`, processes: [] };
  },

  async remove({ id }, { client, signal }) {
    await whenPresent(() => client.blueprints.remove(id, { signal }));
    return undefined;
  },
};

function objectIn(object: JsonObject, key: string): JsonObject {
  const value = object[key];
  return isJsonObject(value) ? value : {};
}
