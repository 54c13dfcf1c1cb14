import { encodeUtf8, isDigest, isJsonObject } from "@cpm/base";
import type { Digest, JsonObject } from "@cpm/base";
import { parseErrorBody } from "@cpm/oci";
import type { CallOptions } from "@cpm/oci";
import { parseJsonAnswer, refusal } from "./answers.ts";
import { protocolError, registryError } from "./errors.ts";
import { packagePath } from "./index-document.ts";
import type { Transport } from "./transport.ts";

/** That a package or a version is not to be used any more. */
export interface DeprecationNotice {
  /** One line of at most 500 characters. */
  readonly message: string;
  /** The package to use in its place. */
  readonly successor?: string;
}

const maxAnswerBytes = 64 * 1024;

/** Says that a version is yanked, and without a reason that it no longer is. The answer is the version's digest. */
export async function yankVersion(
  transport: Transport,
  name: string,
  version: string,
  reason: string | undefined,
  call: CallOptions,
): Promise<Digest> {
  const target = `${packagePath(name, "detail")}/versions/${encodeURIComponent(version)}/yank`;
  const doing = reason === undefined ? `take back the yank of ${name}@${version}` : `yank ${name}@${version}`;
  const { digest } = await change(transport, name, target, reason === undefined ? undefined : { reason }, doing, call);
  if (typeof digest !== "string" || !isDigest(digest)) throw protocolError(`the answer to ${target} has no digest`);
  return digest;
}

/** Deprecates a version, or with no version the package, and without a notice takes that back. */
export async function deprecatePackage(
  transport: Transport,
  name: string,
  version: string | undefined,
  notice: DeprecationNotice | undefined,
  call: CallOptions,
): Promise<void> {
  const which = version === undefined ? "" : `/versions/${encodeURIComponent(version)}`;
  const target = `${packagePath(name, "detail")}${which}/deprecation`;
  const what = version === undefined ? name : `${name}@${version}`;
  const doing = notice === undefined ? `take back the deprecation of ${what}` : `deprecate ${what}`;
  await change(transport, name, target, notice === undefined ? undefined : { ...notice }, doing, call);
}

/** PUT of a body, DELETE of none. Either may be repeated. */
async function change(
  transport: Transport,
  name: string,
  target: string,
  body: JsonObject | undefined,
  doing: string,
  { signal }: CallOptions,
): Promise<JsonObject> {
  const sent =
    body === undefined
      ? {}
      : { headers: { "content-type": "application/json" }, body: encodeUtf8(JSON.stringify(body)) };
  const request = { method: body === undefined ? "DELETE" : "PUT", target, ...sent, signal };
  const scopes = [`repository:${name}:pull,yank`];
  const { response, bytes } = await transport.receive({ ...request, scopes, identify: true }, maxAnswerBytes);
  if ((response.status === 404 || response.status === 405) && !isOfIndex(bytes)) {
    const hint =
      "Versions are yanked and packages deprecated at a cpm-registry, whose marks go along when it is copied.";
    throw registryError("registry/no-index", `${transport.origin.host} has no package index`, { hint });
  }
  if (!response.ok) throw await refusal(transport, response, doing, signal, bytes);
  const answer = parseJsonAnswer(bytes, `${transport.origin.host}${target}`);
  if (!isJsonObject(answer)) throw protocolError(`the answer to ${target} is not an object`);
  return answer;
}

/** Whether it is the index that refuses, and not a registry that has no such page. */
function isOfIndex(bytes: Uint8Array): boolean {
  const detail = parseErrorBody(bytes)[0]?.detail;
  const code = detail !== undefined && isJsonObject(detail) ? detail["code"] : undefined;
  return typeof code === "string" && code.startsWith("registry-server/");
}
