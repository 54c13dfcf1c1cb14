import type { LeaseRequest as LeaseMessage, PackageReference as ReferenceMessage } from "@cpm/agent-client/contract";
import { isDigest } from "@cpm/base";
import type { Digest } from "@cpm/base";
import { isPackageName, namePartPattern, readRange, readVersion } from "@cpm/model/names";
import type { PackageName } from "@cpm/model/names";
import type { Duration } from "@bufbuild/protobuf/wkt";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { agentError } from "../errors.ts";
import type { LeaseRequest } from "../node/lease-book.ts";
import type { NodeSelector, PackageRequest } from "../node/package-request.ts";

export interface LeaseTimes {
  readonly defaultLeaseMs: number;
  readonly maxLeaseMs: number;
}

/** That `require_signature` is not passed over. */
export const requireSignatureFeature = "require_signature";

/** What this agent can beyond the first release. Names are never used again for anything else. */
export const features: readonly string[] = [requireSignatureFeature];

const maxPurposeLength = 256;
const leaseId = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;
const namespacePattern = new RegExp(`^${namePartPattern}$`);

/** Throws `agent/feature-missing` naming what is wanted and not here. */
export function requireFeatures(required: readonly string[]): void {
  const missing = required.filter((name) => !features.includes(name));
  if (missing.length === 0) return;
  const names = missing.slice(0, 10).map((name) => JSON.stringify(name.slice(0, 64)));
  throw agentError("agent/feature-missing", `this agent lacks ${names.join(", ")}`, { context: { features } });
}

/** Throws `agent/invalid`. */
export function parsePackageRequest(message: ReferenceMessage | undefined): PackageRequest {
  if (message === undefined) throw invalid("no package is named");
  const { name, selector } = message;
  const wanted = parseSelector(selector);
  if (name !== "") return { name: parseName(name), selector: wanted };
  if (wanted.kind === "tree" || wanted.kind === "manifest") return { selector: wanted };
  throw invalid("a package without a name needs a digest");
}

export function parseName(text: string): PackageName {
  if (!isPackageName(text)) throw invalid(`${quote(text)} is not namespace/name`);
  return text;
}

/** Empty for all. */
export function parseNamespace(text: string): string {
  if (text !== "" && !namespacePattern.test(text)) throw invalid(`${quote(text)} is no namespace`);
  return text;
}

export function parseDigestField(text: string, field: string): Digest {
  if (!isDigest(text)) throw invalid(`${field}: ${quote(text)} is not a digest`);
  return text;
}

export function parseLeaseRequest(message: LeaseMessage, times: LeaseTimes): LeaseRequest {
  const { id, duration, purpose } = message;
  if (id !== "" && !leaseId.test(id)) throw invalid(`${quote(id)} is no id of a lease`);
  if (purpose.length > maxPurposeLength) throw invalid(`a purpose has at most ${maxPurposeLength} characters`);
  return { id, durationMs: parseLeaseDuration(duration, times), purpose };
}

/** Unset: the default. */
export function parseLeaseDuration(duration: Duration | undefined, times: LeaseTimes): number {
  if (duration === undefined) return times.defaultLeaseMs;
  const milliseconds = durationMs(duration);
  if (!(milliseconds > 0 && milliseconds <= times.maxLeaseMs))
    throw invalid(`a lease lasts more than nothing and at most ${times.maxLeaseMs / 1000} s`);
  return milliseconds;
}

function parseSelector(selector: ReferenceMessage["selector"]): NodeSelector {
  if (selector.case === undefined) return { kind: "newest" };
  if (selector.case === "treeDigest") return { kind: "tree", digest: parseDigestField(selector.value, "tree_digest") };
  if (selector.case === "manifestDigest")
    return { kind: "manifest", digest: parseDigestField(selector.value, "manifest_digest") };
  const version = readVersion(selector.value);
  if (version !== undefined) return { kind: "version", version };
  const range = readRange(selector.value);
  if (range === undefined) throw invalid(`${quote(selector.value)} is no version and no range`);
  return { kind: "range", range };
}

export function invalid(message: string) {
  return agentError("agent/invalid", message);
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 160));
}
