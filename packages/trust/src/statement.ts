import type { Digest, JsonObject, JsonValue } from "@cpm/base";
import { canonicalJson, decodeUtf8, digestAlgorithm, digestHex, encodeUtf8, isJsonObject, parseJson } from "@cpm/base";
import type { PackageName } from "@cpm/model";
import { trustError } from "./errors.ts";

/** What a publisher says: this package, with these bytes, is mine. */
export const publishPredicateType = "https://colonyos.io/cpm/publish/v1";
const statementType = "https://in-toto.io/Statement/v1";

/** What was signed (in-toto attestation framework, Statement v1). */
export interface Statement {
  readonly subjects: readonly StatementSubject[];
  readonly predicateType: string;
}

export interface StatementSubject {
  readonly name: string;
  /** Of a manifest, or of an index over several platforms; hex by algorithm. */
  readonly digests: Readonly<Record<string, string>>;
}

/** More than there are platforms of one package. */
const maxSubjects = 256;

/** The text that is signed for a version: its manifest or index, and each platform's manifest. */
export function formatStatement(name: PackageName, version: string, digests: readonly Digest[]): Uint8Array {
  const subject = digests.map((digest) => ({ name, digest: { [digestAlgorithm(digest)]: digestHex(digest) } }));
  const predicate = { package: name, version };
  return encodeUtf8(canonicalJson({ _type: statementType, subject, predicateType: publishPredicateType, predicate }));
}

/** Reads what a signature is of; the signature must have been checked before. Throws `trust/bad-bundle`. */
export function parseStatement(payload: Uint8Array): Statement {
  const document = parseObject(payload, "the statement");
  const { _type: type, subject, predicateType } = document;
  if (type !== statementType) throw trustError("trust/bad-bundle", "what is signed is not an in-toto Statement v1");
  if (typeof predicateType !== "string") throw trustError("trust/bad-bundle", "the statement has no predicateType");
  if (!Array.isArray(subject) || subject.length === 0 || subject.length > maxSubjects)
    throw trustError("trust/bad-bundle", `the statement does not have 1 to ${maxSubjects} subjects`);
  return { predicateType, subjects: subject.map(parseSubject) };
}

/** Whether one of a statement's subjects is this content of this package. */
export function isAbout({ subjects }: Statement, name: PackageName, digest: Digest): boolean {
  const [algorithm, hex] = [digestAlgorithm(digest), digestHex(digest)];
  return subjects.some((subject) => subject.name === name && subject.digests[algorithm] === hex);
}

/** Throws `trust/bad-bundle` for what is no JSON object, or names a key twice. */
export function parseObject(bytes: Uint8Array, what: string): JsonObject {
  let value: JsonValue;
  try {
    value = parseJson(decodeUtf8(bytes), { file: what, maxDepth: 32 });
  } catch (cause) {
    throw trustError("trust/bad-bundle", `${what} is not JSON`, { cause });
  }
  if (!isJsonObject(value)) throw trustError("trust/bad-bundle", `${what} is not an object`);
  return value;
}

function parseSubject(value: JsonValue): StatementSubject {
  const { name, digest } = isJsonObject(value) ? value : {};
  if (typeof name !== "string" || !isJsonObject(digest))
    throw trustError("trust/bad-bundle", "a subject of the statement has no name or no digest");
  const known = Object.entries(digest).filter(
    (entry): entry is [string, string] => ["sha256", "sha512"].includes(entry[0]) && typeof entry[1] === "string",
  );
  return { name, digests: Object.fromEntries(known) };
}
