import { encodeUtf8, sourceOf } from "@cpm/base";
import type { JsonObject } from "@cpm/base";
import { isNotice, isPackageName } from "@cpm/model";
import { emptyDescriptor } from "@cpm/oci";
import type { Caller } from "../access/authenticator.ts";
import { personOf } from "../access/principal.ts";
import { packageUnknown, rateLimited, registryError } from "../errors.ts";
import type { DeprecationNotice } from "../metadata.ts";
import type { RegistryParts } from "../registry-parts.ts";
import type { Call } from "./account-call.ts";
import { json } from "./answers.ts";
import { optionalText, textField } from "./json-body.ts";
import { formatYank } from "./packages.ts";
import { decodePathPart, packageNameOf } from "./router.ts";

export function yankVersion(call: Call): Promise<Response> {
  return withdraw(call, ({ parts, caller }, name, body) => yank(parts, caller, name, versionOf(call), true, body));
}

export function unyankVersion(call: Call): Promise<Response> {
  return withdraw(call, ({ parts, caller }, name, body) => yank(parts, caller, name, versionOf(call), false, body));
}

/** Of a version where the path names one, and else of the package. */
export function deprecatePackage(call: Call): Promise<Response> {
  return withdraw(call, ({ parts, caller, names: [, , version] }, name, body) =>
    deprecate(parts, caller, name, version && decodePathPart(version), readNotice(name, body)),
  );
}

export function undeprecatePackage(call: Call): Promise<Response> {
  return withdraw(call, ({ parts, caller, names: [, , version] }, name) =>
    deprecate(parts, caller, name, version && decodePathPart(version), undefined),
  );
}

/** Yanking versions and deprecating packages, and taking it back: for who may, and not faster than they may publish. */
async function withdraw(
  call: Call,
  act: (call: Call, name: string, body: JsonObject) => Promise<Response>,
): Promise<Response> {
  const { parts, caller, names } = call;
  const [namespace = "", ownName = ""] = names;
  const name = packageNameOf(namespace, ownName);
  if (name === undefined) throw packageUnknown(`${namespace}/${ownName}`);
  await requireYank(parts, caller, name, "yank");
  const waitS = parts.rates.publishes.take(personOf(caller.principal));
  if (waitS > 0) throw rateLimited("too many changes", waitS);
  return act(call, name, await call.body());
}

function versionOf({ names: [, , version = ""] }: Call): string {
  return decodePathPart(version);
}

/**
 * Throws unless the caller may withdraw what is in a repository. Whatever yanks or deprecates passes here, the pushing of
 * a mark too; what mirrors another registry was refused before, as every other change of it.
 */
export async function requireYank(
  { gate }: RegistryParts,
  caller: Caller,
  repository: string,
  actions: "yank" | "push,yank",
): Promise<void> {
  await gate.require(caller, "yank", repository, `repository:${repository}:pull,${actions}`);
}

async function yank(
  parts: RegistryParts,
  caller: Caller,
  name: string,
  version: string,
  yanked: boolean,
  body: JsonObject,
): Promise<Response> {
  const reason = (yanked ? textField(body, "reason") : (optionalText(body, "reason") ?? "")).trim();
  if (!isNotice(reason) && (yanked || reason !== "")) throw noticeInvalid("the reason");
  // The rest is one transaction, in which nothing can be written to the storage.
  if ((await parts.metadata.publishedDigest(name, version)) !== undefined) await keepEmptyObject(parts, caller, name);
  const said = { yanked, reason, by: personOf(caller.principal) };
  const marked = await parts.metadata.markVersion(name, version, said, caller);
  return json(200, {
    name,
    version,
    digest: marked.digest,
    ...(marked.yanked === undefined ? {} : { yanked: formatYank(marked.yanked) }),
  });
}

/** What every mark has as its content, as a blob like those that are pushed. */
async function keepEmptyObject(parts: RegistryParts, caller: Caller, repository: string): Promise<void> {
  const { metadata, uploads } = parts;
  const { digest } = emptyDescriptor;
  const present = await metadata.blob(repository, digest);
  if (present !== undefined && !present.damaged) return;
  const upload = await uploads.create(repository, personOf(caller.principal));
  await uploads.finish(upload, sourceOf(encodeUtf8("{}")), digest, 0, (finished) =>
    metadata.finishUpload(repository, digest, finished),
  );
}

async function deprecate(
  parts: RegistryParts,
  caller: Caller,
  name: string,
  version: string | undefined,
  notice: DeprecationNotice | undefined,
): Promise<Response> {
  await parts.metadata.deprecate(name, version, notice, caller);
  const fields = { name, ...(version === undefined ? {} : { version }) };
  return json(200, { ...fields, ...(notice === undefined ? {} : { deprecated: notice }) });
}

function readNotice(name: string, body: JsonObject): DeprecationNotice {
  const message = textField(body, "message").trim();
  const successor = optionalText(body, "successor");
  if (!isNotice(message)) throw noticeInvalid("the message");
  if (successor === undefined) return { message };
  if (!isPackageName(successor) || successor === name) throw noticeInvalid("the successor");
  return { message, successor };
}

function noticeInvalid(what: string) {
  return registryError("registry-server/notice-invalid", `${what} is not one that can be taken`);
}
