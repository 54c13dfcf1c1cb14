import { isRepositoryName } from "@cpm/oci";
import { accessInvalid } from "./access-invalid.ts";

/** One resource of docker's scopes and what is to be done with it (docker token specification, "Scope"). */
export interface DockerScope {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

const maxScopes = 100;

/**
 * Reads `type:name:action,action`, of which a text may hold several between spaces. A repository's name may have a
 * host with a port before it, so the last colon counts. Throws `registry-server/access-invalid`, for an empty name too.
 */
export function parseDockerScopes(texts: readonly string[]): readonly DockerScope[] {
  const scopes = texts.flatMap((text) => text.split(" ").filter((part) => part !== ""));
  if (scopes.length > maxScopes) throw accessInvalid(`${scopes.length} scopes; ${maxScopes} are taken at once`);
  return scopes.map(parseScope);
}

function parseScope(text: string): DockerScope {
  const match = /^([a-z]+)(?:\([a-z0-9]+\))?:(.+):([a-z*,]*)$/.exec(text);
  const [, type = "", name = "", actions = ""] = match ?? [];
  if (match === null || (type === "repository" && !isRepositoryName(name)))
    throw accessInvalid(`"${text.slice(0, 100)}" is no scope such as repository:acme/web:pull`);
  return { type, name, actions: [...new Set(actions.split(",").filter((action) => action !== ""))] };
}
