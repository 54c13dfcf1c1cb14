import type { MessageInitShape } from "@bufbuild/protobuf";
import { formatSelector, parseReference } from "@cpm/model/names";
import type { PackageReference } from "@cpm/model/names";
import type { PackageReferenceSchema } from "../gen/cpm/agent/v1/agent_pb.js";
import { agentClientError } from "./errors.ts";

/** `namespace/name[@version|@range|@sha256:…]` as the contract has it. Throws `reference/invalid`. */
export function parseNodeReference(text: string): PackageReference {
  const reference = parseReference(text);
  if (reference.registry !== undefined)
    throw agentClientError("agent-client/invalid", `${text}: the agent's registry is the agent's to choose`);
  return reference;
}

export function referenceMessage({
  name,
  selector,
}: PackageReference): MessageInitShape<typeof PackageReferenceSchema> {
  const value = formatSelector(selector);
  if (selector.kind === "newest") return { name };
  return { name, selector: { case: selector.kind === "digest" ? "manifestDigest" : "range", value } };
}
