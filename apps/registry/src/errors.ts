import { createError } from "@cpm/base";
import type { CpmError, Digest } from "@cpm/base";
import type { OciErrorCode } from "@cpm/oci";

export const registryErrors = {
  "registry-server/name-unknown": { kind: "not_found", title: "No such repository" },
  "registry-server/blob-unknown": { kind: "not_found", title: "No such blob in this repository" },
  "registry-server/manifest-unknown": { kind: "not_found", title: "No such manifest in this repository" },
  "registry-server/upload-unknown": { kind: "not_found", title: "No such upload" },
  "registry-server/upload-range": {
    kind: "out_of_range",
    title: "A chunk that does not begin where the upload stands",
    hint: "Ask for the upload's status and continue from there.",
  },
  "registry-server/interrupted": {
    kind: "cancelled",
    title: "The client went away",
    hint: "What arrived of an upload is kept: ask for its status and continue from there.",
  },
  "registry-server/digest-invalid": { kind: "invalid_argument", title: "The content is not what its digest says" },
  "registry-server/manifest-invalid": { kind: "invalid_argument", title: "The manifest is not acceptable" },
  "registry-server/package-invalid": {
    kind: "invalid_argument",
    title: "The artifact is not a valid package",
    hint: "Pack it with `cpm pack` and push it unchanged.",
  },
  "registry-server/version-exists": {
    kind: "already_exists",
    title: "A published version never changes",
    hint: "Choose a new version number in colony.yaml and publish again.",
  },
  "registry-server/name-too-similar": {
    kind: "already_exists",
    title: "The name of a new package is too much like that of another",
    hint: "Choose another name. Where nobody will take the one for the other, publish with --allow-similar-name.",
  },
  "registry-server/yank-invalid": {
    kind: "invalid_argument",
    title: "The manifest is no yank mark, and says that it is one",
    hint: "Yank with `cpm yank`, or copy marks unchanged with their subject and annotations.",
  },
  "registry-server/notice-invalid": {
    kind: "invalid_argument",
    title: "A reason, message or successor that cannot be",
    hint: "A reason and a message are one line of 1 to 500 characters; a successor is the name of another package.",
  },
  "registry-server/in-use": {
    kind: "failed_precondition",
    title: "Something else needs it, so it is not deleted",
    hint: "Delete what refers to it first. A published version is never deleted.",
  },
  "registry-server/content-lost": {
    kind: "data_loss",
    title: "The bytes of a blob or manifest are gone or damaged",
    hint: "Push the same again: that restores it. What was damaged is kept aside, see `cpm-registry scrub --list`.",
  },
  "registry-server/scrub-stopped": {
    kind: "data_loss",
    title: "So much in a row is gone or damaged that something else must be wrong",
    hint: "Look whether the registry has the right directory or bucket, and all of it. Then go on with `cpm-registry scrub`: what is whole is taken for whole again.",
  },
  "registry-server/scrub-busy": {
    kind: "failed_precondition",
    title: "Another process scrubs",
    hint: "Wait for it to end: `cpm-registry scrub --status` says how far it has come.",
  },
  "registry-server/export-exists": {
    kind: "already_exists",
    title: "A file stands where the export is to be written",
    hint: "Choose another name, or a directory: an export into a directory that holds one adds what is missing.",
  },
  "registry-server/export-broken": {
    kind: "data_loss",
    title: "A content was found damaged while it was written into a file",
    hint: "Scrub the registry, which marks what is damaged, and export again: that leaves out what needs it, and says so.",
  },
  "registry-server/export-incomplete": {
    kind: "data_loss",
    title: "Not everything could be exported or imported",
    hint: "What is named is damaged, missing or refused; everything else is there.",
  },
  "registry-server/export-invalid": {
    kind: "invalid_argument",
    title: "The layout does not say in a known way what it holds",
    hint: "It was written by a newer cpm-registry, or changed since: import with the version that exported.",
  },
  "registry-server/storage": {
    kind: "unavailable",
    title: "The object storage cannot be reached or refuses",
    hint: "Try again in a minute. Whoever runs the registry: /readyz and the log say what the storage answered; endpoint, bucket, keys and rights are checked by it.",
  },
  "registry-server/too-large": { kind: "resource_exhausted", title: "Larger than this registry takes" },
  "registry-server/too-many-tags": { kind: "resource_exhausted", title: "More tags in one request than allowed" },
  "registry-server/unsupported": { kind: "unimplemented", title: "Not supported" },
  "registry-server/package-unknown": {
    kind: "not_found",
    title: "No such package or version",
    hint: "It is not there, or in a private namespace. `cpm search` finds packages, `cpm info NAME` lists the versions of one.",
  },
  "registry-server/bad-query": { kind: "invalid_argument", title: "A parameter that cannot be read" },
  "registry-server/text-invalid": {
    kind: "invalid_argument",
    title: "A text that the registry cannot keep",
    hint: "Take the NUL character out of it: in a package it is in the description, the keywords or the README.",
  },
  "registry-server/unauthorized": {
    kind: "unauthenticated",
    title: "The registry does not know who asks",
    hint: "Log in with `cpm login` or `docker login`.",
  },
  "registry-server/unbound-identity": {
    kind: "unauthenticated",
    title: "No user of this registry has the ColonyOS identity",
    hint: "An administrator binds it: `cpm-registry user bind NAME IDENTITY --data DIR`. With a password you bind it yourself.",
  },
  "registry-server/denied": {
    kind: "permission_denied",
    title: "Not permitted to this user or token",
    hint: "Ask an owner of the namespace, or use a token with a wider scope.",
  },
  "registry-server/nobody-publishes": {
    kind: "permission_denied",
    title: "The registry has no users, so nobody may publish",
    hint: "Make the first administrator: `cpm-registry user add NAME --admin --data DIR`. To let everybody publish on this machine: `cpm-registry serve --open`.",
  },
  "registry-server/cursor-gone": {
    kind: "out_of_range",
    title: "The feed of changes does not go back so far",
    hint: "Ask for after=latest, list what there is, and go on from there.",
  },
  "registry-server/too-many-waiting": {
    kind: "unavailable",
    title: "Too many requests wait for changes",
    hint: "Ask without `wait`, or wait as long as the Retry-After header says.",
  },
  "registry-server/rate-limited": {
    kind: "resource_exhausted",
    title: "Too many requests",
    hint: "Wait as long as the Retry-After header says.",
  },
  "registry-server/access-invalid": {
    kind: "invalid_argument",
    title: "A user, namespace, token or scope that cannot be",
  },
  "registry-server/user-unknown": { kind: "not_found", title: "No such user" },
  "registry-server/namespace-unknown": { kind: "not_found", title: "No such namespace" },
  "registry-server/token-unknown": { kind: "not_found", title: "No such token" },
  "registry-server/publisher-unknown": { kind: "not_found", title: "No such publisher" },
  "registry-server/webhook-unknown": { kind: "not_found", title: "No such webhook" },
  "registry-server/mirror-read-only": {
    kind: "permission_denied",
    title: "What is mirrored is changed at its own registry only",
    hint: "Publish, yank and delete there; this registry shows it within the time that its answers stay fresh.",
  },
  "registry-server/mirror-conflict": {
    kind: "failed_precondition",
    title: "A namespace with content of its own cannot be a mirror",
    hint: "Mirror another namespace, or serve the mirror from a data directory of its own.",
  },
  "registry-server/mirror-loop": {
    kind: "failed_precondition",
    title: "A mirror was asked by way of itself",
    hint: "Whoever runs the registries: one of the --mirror settings on the way leads back to where the request came from.",
  },
  "registry-server/upstream-unavailable": {
    kind: "unavailable",
    title: "The registry that is mirrored does not answer, and this is not cached",
    hint: "Try again later. What was pulled through this mirror before is served meanwhile.",
  },
  "registry-server/upstream-failed": {
    kind: "unavailable",
    title: "The registry that is mirrored answered something that cannot be passed on",
    hint: "Whoever runs this registry: the message says what came.",
  },
  "registry-server/upstream-refused": {
    kind: "unavailable",
    title: "The registry that is mirrored does not give this to the mirror",
    hint: "Whoever runs this registry: the credentials for the other one are a setting, CPM_REGISTRY_MIRROR_CREDENTIALS.",
  },
  "registry-server/issuer-unreachable": {
    kind: "unavailable",
    title: "The issuer of identity tokens does not give out its keys",
    hint: "The registry must reach the issuer once; after that it works with the keys that it saw.",
  },
  "registry-server/account-exists": { kind: "already_exists", title: "The name or the identity is taken" },
  "registry-server/last-admin": {
    kind: "failed_precondition",
    title: "The only administrator is not removed",
    hint: "Make another administrator first.",
  },
  "registry-server/not-open": {
    kind: "failed_precondition",
    title: "The registry may not be opened to everybody here",
    hint: "Without --open it serves its users. For an open registry without users on a network, add --open-anywhere.",
  },
  "registry-server/locked": {
    kind: "failed_precondition",
    title: "Another cpm-registry uses the directory",
    hint: "Stop it first, or choose another directory.",
  },
  "registry-server/address": {
    kind: "unavailable",
    title: "The address cannot be listened on",
    hint: "Choose another address, or port 0 for any that is free.",
  },
  "registry-server/tls": {
    kind: "failed_precondition",
    title: "The certificate or its key cannot be used",
    hint: "Both are PEM files: --tls-cert the chain with the server's own first, --tls-key the key that belongs to it.",
  },
  "registry-server/database": {
    kind: "unavailable",
    title: "The database cannot be used",
    hint: "The message says why. A PostgreSQL must be reached by every replica; a damaged registry.db is restored from a backup, and the blobs beside it are whole.",
  },
  "registry-server/database-busy": {
    kind: "unavailable",
    title: "The database was too busy to take a change",
    hint: "Nothing was changed: try again.",
  },
  "registry-server/layout-version": {
    kind: "failed_precondition",
    title: "The data was written by a newer cpm-registry",
    hint: "Update cpm-registry.",
  },
} as const;

export type RegistryErrorCode = keyof typeof registryErrors;

export function registryError(
  code: RegistryErrorCode,
  message: string,
  context?: Record<string, unknown>,
  cause?: unknown,
): CpmError {
  return createError(registryErrors, code, message, { context, cause });
}

export function digestInvalid(what: string, expected: Digest, actual: Digest): CpmError {
  const message = `${what} has digest ${actual}, not ${expected}`;
  return registryError("registry-server/digest-invalid", message, { expected, actual });
}

export function contentLost(message: string): CpmError {
  return registryError("registry-server/content-lost", message);
}

export function scrubStopped(count: number): CpmError {
  return registryError("registry-server/scrub-stopped", `${count} contents in a row are gone or damaged`);
}

export function packageInvalid(message: string, context?: Record<string, unknown>): CpmError {
  return registryError("registry-server/package-invalid", message, context);
}

export function versionExists(name: string, version: string, present: Digest, refused: Digest): CpmError {
  const message = `${name}@${version} is already published as ${present}; ${refused} is something else`;
  return registryError("registry-server/version-exists", message, { present, refused });
}

export function packageUnknown(name: string): CpmError {
  return registryError("registry-server/package-unknown", `there is no package ${name}`.slice(0, 200));
}

export function versionUnknown(name: string, version: string): CpmError {
  return registryError("registry-server/package-unknown", `${name} has no version ${version}`.slice(0, 200));
}

export function nameTooSimilar(name: string, similar: string): CpmError {
  const message = `${name} would be a new package, and is easily taken for ${similar}`;
  return registryError("registry-server/name-too-similar", message, { similar });
}

/** `scope` is what a token is to be asked for, `error` that of RFC 6750 §3.1; both go into the challenge. */
export function unauthorized(message: string, scope?: string, error?: "insufficient_scope"): CpmError {
  const context = { ...(scope === undefined ? {} : { scope }), ...(error === undefined ? {} : { error }) };
  return registryError("registry-server/unauthorized", message, context);
}

export function denied(message: string): CpmError {
  return registryError("registry-server/denied", message);
}

/** For a repository that may be there and must not show it: word for word as for one that is not. */
export function hiddenRepository(repository: string): CpmError {
  const hint = "Its namespace is not there, or is private: ask its owner, or an administrator, for access.";
  return createError(registryErrors, "registry-server/name-unknown", `there is no repository ${repository}`, { hint });
}

export function hasOwnBackup(database: string): CpmError {
  const hint =
    "`pg_dump` copies it as it is at one moment, also while registries run on it. Copy the blobs after it: those that it names are there, and are never changed.";
  return createError(registryErrors, "registry-server/unsupported", `${database} is not copied by this program`, {
    hint,
  });
}

export function nobodyPublishes(): CpmError {
  return registryError("registry-server/nobody-publishes", "this registry has no users yet");
}

export function rateLimited(message: string, retryAfterS: number): CpmError {
  const text = `${message}; try again in ${retryAfterS} s`;
  return registryError("registry-server/rate-limited", text, { retryAfterS });
}

export function storageFailed(message: string, cause?: unknown): CpmError {
  return registryError("registry-server/storage", message, { retryAfterS: storageRetryS }, cause);
}

/** How long whoever met a storage that failed is told to wait. */
const storageRetryS = 10;

/** How long whoever asked for what an upstream has is told to wait: it is not asked again sooner. */
export const upstreamRetryS = 10;

export function mirrorReadOnly(repository: string, upstream: string): CpmError {
  return registryError("registry-server/mirror-read-only", `${repository} is a mirror of ${upstream}`, { upstream });
}

export function mirrorLoop(upstream: string): CpmError {
  return registryError("registry-server/mirror-loop", `${upstream} was asked by way of this registry already`);
}

export function upstreamUnavailable(upstream: string, why: string, cause?: unknown): CpmError {
  const context = { upstream, retryAfterS: upstreamRetryS };
  return registryError("registry-server/upstream-unavailable", `${upstream}: ${why}`, context, cause);
}

export function upstreamFailed(upstream: string, why: string, cause?: unknown): CpmError {
  return registryError("registry-server/upstream-failed", `${upstream}: ${why}`, { upstream }, cause);
}

export function upstreamRefused(upstream: string, why: string, cause?: unknown): CpmError {
  return registryError("registry-server/upstream-refused", `${upstream}: ${why}`, { upstream }, cause);
}

export function issuerUnreachable(issuer: string, cause: unknown): CpmError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return registryError("registry-server/issuer-unreachable", `${issuer}: ${why}`, undefined, cause);
}

export function databaseUnusable(which: string, cause: unknown): CpmError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return registryError("registry-server/database", `${which} cannot be used: ${why}`, undefined, cause);
}

export function databaseBusy(waitedMs: number): CpmError {
  return registryError("registry-server/database-busy", `others were writing for ${waitedMs} ms`);
}

/** How an error is answered: the code of the distribution specification, and a status where its kind has another. */
export interface OciAnswer {
  readonly code: OciErrorCode | "UNKNOWN";
  readonly status?: number;
}

/** Every error that a request can cause. One that is not here is the server's own failure. */
export const ociAnswers: Readonly<Record<string, OciAnswer>> = {
  "registry-server/name-unknown": { code: "NAME_UNKNOWN" },
  "registry-server/blob-unknown": { code: "BLOB_UNKNOWN" },
  "registry-server/manifest-unknown": { code: "MANIFEST_UNKNOWN" },
  "registry-server/upload-unknown": { code: "BLOB_UPLOAD_UNKNOWN" },
  "registry-server/upload-range": { code: "BLOB_UPLOAD_INVALID" },
  "registry-server/interrupted": { code: "BLOB_UPLOAD_INVALID" },
  "registry-server/digest-invalid": { code: "DIGEST_INVALID" },
  "registry-server/manifest-invalid": { code: "MANIFEST_INVALID" },
  "registry-server/package-invalid": { code: "MANIFEST_INVALID" },
  "registry-server/version-exists": { code: "DENIED" },
  "registry-server/name-too-similar": { code: "DENIED" },
  "registry-server/yank-invalid": { code: "MANIFEST_INVALID" },
  "registry-server/notice-invalid": { code: "UNSUPPORTED" },
  // What the specification answers where deletion is not done.
  "registry-server/in-use": { code: "DENIED", status: 405 },
  "registry-server/storage": { code: "UNKNOWN" },
  "registry-server/content-lost": { code: "UNKNOWN", status: 500 },
  "registry-server/too-large": { code: "SIZE_INVALID" },
  "registry-server/too-many-tags": { code: "UNSUPPORTED", status: 414 },
  "registry-server/unsupported": { code: "UNSUPPORTED" },
  "registry-server/package-unknown": { code: "NAME_UNKNOWN" },
  "registry-server/bad-query": { code: "UNSUPPORTED" },
  "registry-server/text-invalid": { code: "UNSUPPORTED" },
  "registry-server/unauthorized": { code: "UNAUTHORIZED" },
  "registry-server/unbound-identity": { code: "UNAUTHORIZED" },
  "registry-server/denied": { code: "DENIED" },
  "registry-server/nobody-publishes": { code: "DENIED" },
  "registry-server/cursor-gone": { code: "UNSUPPORTED", status: 410 },
  "registry-server/too-many-waiting": { code: "TOOMANYREQUESTS", status: 503 },
  "registry-server/rate-limited": { code: "TOOMANYREQUESTS", status: 429 },
  "registry-server/access-invalid": { code: "UNSUPPORTED" },
  "registry-server/user-unknown": { code: "NAME_UNKNOWN" },
  "registry-server/namespace-unknown": { code: "NAME_UNKNOWN" },
  "registry-server/token-unknown": { code: "NAME_UNKNOWN" },
  "registry-server/publisher-unknown": { code: "NAME_UNKNOWN" },
  "registry-server/webhook-unknown": { code: "NAME_UNKNOWN" },
  "registry-server/mirror-read-only": { code: "DENIED" },
  // Of a gateway: 508 is "loop detected", 504 and 502 are about who is behind it.
  "registry-server/mirror-loop": { code: "DENIED", status: 508 },
  "registry-server/upstream-unavailable": { code: "UNKNOWN", status: 504 },
  "registry-server/upstream-failed": { code: "UNKNOWN", status: 502 },
  "registry-server/upstream-refused": { code: "UNKNOWN", status: 502 },
  // Not ours to repair: 424 is "failed dependency".
  "registry-server/issuer-unreachable": { code: "DENIED", status: 424 },
  "registry-server/account-exists": { code: "DENIED" },
  "registry-server/last-admin": { code: "DENIED", status: 409 },
  "json/invalid": { code: "UNSUPPORTED" },
  "text/invalid-utf8": { code: "UNSUPPORTED" },
  "bytes/too-large": { code: "SIZE_INVALID" },
  "digest/invalid": { code: "DIGEST_INVALID" },
  "store/incomplete": { code: "MANIFEST_BLOB_UNKNOWN", status: 404 },
  "oci/invalid-manifest": { code: "MANIFEST_INVALID" },
  "oci/manifest-too-large": { code: "SIZE_INVALID" },
  "oci/invalid-repository": { code: "NAME_INVALID" },
  "oci/invalid-tag": { code: "MANIFEST_INVALID" },
};
