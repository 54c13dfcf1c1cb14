import { create } from "@bufbuild/protobuf";
import { PackageReferenceSchema } from "@cpm/agent-client/contract";
import { isJsonObject } from "@cpm/base";
import type { JsonObject, JsonValue } from "@cpm/base";
import type { Job } from "@cpm/colonies";
import type { PackageRequest } from "../node/package-request.ts";
import { invalid, parsePackageRequest } from "../service/parse-request.ts";

/**
 * The arguments of a process. They come by name, and others than the known, or those that begin with `prefix`, are
 * refused. Throws `agent/invalid`.
 */
export function argumentsOf({ process }: Job, known: readonly string[], prefix?: string): JsonObject {
  const { args, kwargs } = process.spec;
  if (Array.isArray(args) && args.length > 0) throw invalid("arguments are given by name, in kwargs");
  const given: JsonValue = kwargs ?? {};
  if (!isJsonObject(given)) throw invalid("kwargs are no object");
  const isKnown = (name: string) => known.includes(name) || (prefix !== undefined && name.startsWith(prefix));
  const unknown = Object.keys(given).find((name) => !isKnown(name));
  if (unknown !== undefined) throw invalid(`there is no argument ${JSON.stringify(unknown.slice(0, 64))}`);
  return given;
}

/** `namespace/name` or `namespace/name@range`. Throws `agent/invalid`. */
export function parsePackage(text: JsonValue | undefined): PackageRequest {
  if (typeof text !== "string") throw invalid('"package" is to be namespace/name or namespace/name@range');
  const at = text.indexOf("@");
  const name = at === -1 ? text : text.slice(0, at);
  const selector = at === -1 ? {} : { selector: { case: "range" as const, value: text.slice(at + 1) } };
  return parsePackageRequest(create(PackageReferenceSchema, { name, ...selector }));
}

/** The name of a release. Throws `agent/invalid`. */
export function parseHolder(value: JsonValue | undefined): string {
  if (typeof value === "string" && /^[A-Za-z0-9._:-]{1,128}$/.test(value)) return value;
  throw invalid('"holder" is to be the name of a release');
}

/** False where it is not given. Throws `agent/invalid`. */
export function parseFlag(given: JsonObject, name: string): boolean {
  const { [name]: value = false } = given;
  // The command line of ColonyOS gives texts and nothing else.
  if (value === true || value === "true") return true;
  if (value === false || value === "false") return false;
  throw invalid(`${JSON.stringify(name)} is to be true or false`);
}
