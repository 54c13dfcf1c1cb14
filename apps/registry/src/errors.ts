import { createError } from "@cpm/base";
import type { CpmError, Digest } from "@cpm/base";
import type { OciErrorCode } from "@cpm/oci";

export const registryErrors = {
  "registry/name-unknown": { kind: "not_found", title: "No such repository" },
  "registry/blob-unknown": { kind: "not_found", title: "No such blob in this repository" },
  "registry/manifest-unknown": { kind: "not_found", title: "No such manifest in this repository" },
  "registry/upload-unknown": { kind: "not_found", title: "No such upload" },
  "registry/upload-range": {
    kind: "out_of_range",
    title: "A chunk that does not begin where the upload stands",
    hint: "Ask for the upload's status and continue from there.",
  },
  "registry/digest-invalid": { kind: "invalid_argument", title: "The content is not what its digest says" },
  "registry/manifest-invalid": { kind: "invalid_argument", title: "The manifest is not acceptable" },
  "registry/package-invalid": {
    kind: "invalid_argument",
    title: "The artifact is not a valid package",
    hint: "Pack it with `cpm pack` and push it unchanged.",
  },
  "registry/version-exists": {
    kind: "permission_denied",
    title: "A published version never changes",
    hint: "Choose a new version number in colony.yaml and publish again.",
  },
  "registry/too-large": { kind: "resource_exhausted", title: "Larger than this registry takes" },
  "registry/unsupported": { kind: "unimplemented", title: "Not supported" },
  "registry/package-unknown": { kind: "not_found", title: "No such package" },
  "registry/bad-query": { kind: "invalid_argument", title: "A parameter that cannot be read" },
  "registry/layout-version": {
    kind: "failed_precondition",
    title: "The data was written by a newer cpm-registry",
    hint: "Update cpm-registry.",
  },
} as const;

export type RegistryErrorCode = keyof typeof registryErrors;

export function registryError(code: RegistryErrorCode, message: string, context?: Record<string, unknown>): CpmError {
  return createError(registryErrors, code, message, { context });
}

export function versionExists(name: string, version: string, present: Digest | string): CpmError {
  return registryError("registry/version-exists", `${name}@${version} is already published as ${present}`, { present });
}

/** The code of the distribution specification that each error is answered with. */
export const ociCodes: Readonly<Record<string, OciErrorCode>> = {
  "registry/name-unknown": "NAME_UNKNOWN",
  "registry/blob-unknown": "BLOB_UNKNOWN",
  "registry/manifest-unknown": "MANIFEST_UNKNOWN",
  "registry/upload-unknown": "BLOB_UPLOAD_UNKNOWN",
  "registry/upload-range": "BLOB_UPLOAD_INVALID",
  "registry/digest-invalid": "DIGEST_INVALID",
  "registry/manifest-invalid": "MANIFEST_INVALID",
  "registry/package-invalid": "MANIFEST_INVALID",
  "registry/version-exists": "DENIED",
  "registry/too-large": "SIZE_INVALID",
  "registry/unsupported": "UNSUPPORTED",
  "digest/invalid": "DIGEST_INVALID",
  "store/digest-mismatch": "DIGEST_INVALID",
  "store/too-long": "SIZE_INVALID",
  "store/too-short": "SIZE_INVALID",
  "store/incomplete": "MANIFEST_BLOB_UNKNOWN",
  "oci/invalid-manifest": "MANIFEST_INVALID",
  "oci/manifest-too-large": "SIZE_INVALID",
  "oci/invalid-repository": "NAME_INVALID",
  "oci/invalid-tag": "MANIFEST_INVALID",
};
