import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  CollectRequest,
  CollectResponseSchema,
  ListRequest,
  ListResponseSchema,
  RemoveRequest,
  RemoveResponseSchema,
  ResolveRequest,
  ResolveResponseSchema,
} from "@cpm/agent-client/contract";
import { compareVersions, readVersion } from "@cpm/model/names";
import { removePackage } from "../node/remove-package.ts";
import type { AgentNode } from "../node/agent-node.ts";
import { formatRequest } from "../node/package-request.ts";
import type { PackageRequest } from "../node/package-request.ts";
import { agentError } from "../errors.ts";
import { installedMessage } from "./messages.ts";
import { invalid, parseName, parseNamespace, parsePackageRequest, requireFeatures } from "./parse-request.ts";

export function answerResolve(
  request: ResolveRequest,
  node: AgentNode,
): MessageInitShape<typeof ResolveResponseSchema> {
  requireFeatures(request.requiredFeatures);
  const wanted = parsePackageRequest(request.package);
  const ref = node.packages.find(wanted);
  if (ref === undefined) {
    const versions = wanted.name === undefined ? [] : node.packages.versionsOf(wanted.name);
    const installedVersions = versions
      .map(({ version }) => version)
      .toSorted(compareVersions)
      .map(({ text }) => text);
    return { outcome: { case: "missing", value: { installedVersions } } };
  }
  node.packages.touch(ref.tree);
  return { outcome: { case: "installed", value: installedMessage(node.packages.describe(ref)) } };
}

/** A page goes on after the name and version that its token holds. */
export function answerList(
  request: ListRequest,
  node: AgentNode,
  maxPageSize: number,
): MessageInitShape<typeof ListResponseSchema> {
  const refs = node.packages.list(parseNamespace(request.namespace));
  const size = request.pageSize === 0 ? maxPageSize : Math.min(request.pageSize, maxPageSize);
  const keys = refs.map(({ name, version }) => `${name}@${version.text}`);
  const after = request.pageToken === "" ? "" : parseToken(request.pageToken);
  const start = after === "" ? 0 : keys.findIndex((key) => key > after);
  const page = start === -1 ? [] : refs.slice(start, start + size);
  const more = start !== -1 && start + size < refs.length;
  return {
    packages: page.map((ref) => installedMessage(node.packages.describe(ref))),
    nextPageToken: more ? Buffer.from(keys[start + size - 1] ?? "").toString("base64url") : "",
    freeBytes: BigInt(node.freeBytes()),
  };
}

export async function answerRemove(
  request: RemoveRequest,
  node: AgentNode,
): Promise<MessageInitShape<typeof RemoveResponseSchema>> {
  requireFeatures(request.requiredFeatures);
  const name = parseName(request.name);
  const version = readVersion(request.version);
  if (version === undefined) throw invalid(`"${request.version.slice(0, 160)}" is no version`);
  return removePackage(node, name, version);
}

export async function answerCollect(
  { freeBytes, dryRun }: CollectRequest,
  node: AgentNode,
): Promise<MessageInitShape<typeof CollectResponseSchema>> {
  const request = { freeBytes: freeBytes === undefined ? undefined : Number(freeBytes), dryRun };
  const { freedBytes, ...counts } = await node.collector.collect(request);
  return { freedBytes: BigInt(freedBytes), ...counts };
}

/** Throws `agent/not-installed`. */
export function installedOf(node: AgentNode, wanted: PackageRequest) {
  const ref = node.packages.find(wanted);
  if (ref === undefined) throw agentError("agent/not-installed", `${formatRequest(wanted)} is not on this node`);
  return ref;
}

function parseToken(token: string): string {
  const text = Buffer.from(token, "base64url").toString("utf8");
  if (!/^[a-z0-9/@.+A-Z-]{1,400}$/.test(text)) throw invalid("that is no token of a page");
  return text;
}
