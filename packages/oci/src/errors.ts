import { createError, printable } from "@cpm/base";
import type { CpmError, Digest } from "@cpm/base";

export const ociErrors = {
  "oci/invalid-manifest": { kind: "invalid_argument", title: "Not a valid OCI manifest" },
  "oci/manifest-too-large": { kind: "resource_exhausted", title: "An OCI manifest over the size limit" },
  "oci/invalid-repository": {
    kind: "invalid_argument",
    title: "Not a repository name",
    hint: "A repository name is lower case letters and digits, in parts joined by ., _, __, - and /.",
  },
  "oci/invalid-tag": {
    kind: "invalid_argument",
    title: "Not a tag",
    hint: "A tag is 1 to 128 letters, digits, _, . and -, and does not start with . or -.",
  },
  "oci/invalid-header": { kind: "invalid_argument", title: "An HTTP header that does not parse" },
  "store/not-found": { kind: "not_found", title: "The store does not hold this content" },
  "store/incomplete": {
    kind: "failed_precondition",
    title: "A manifest refers to content that the store does not hold",
    hint: "Copy the blobs before the manifest that refers to them.",
  },
  "store/digest-mismatch": {
    kind: "data_loss",
    title: "The bytes are not those that the digest names",
    hint: "The content was damaged or exchanged on its way. Nothing of it was kept; try another source.",
  },
  "store/too-long": { kind: "data_loss", title: "More bytes than the descriptor declares" },
  "store/too-short": { kind: "data_loss", title: "Fewer bytes than the descriptor declares" },
} as const;

export function invalidManifest(message: string, cause?: unknown): CpmError {
  return createError(ociErrors, "oci/invalid-manifest", message, { cause });
}

export function manifestTooLarge(sizeBytes: number, limitBytes: number): CpmError {
  return createError(
    ociErrors,
    "oci/manifest-too-large",
    `the manifest has ${sizeBytes} bytes, more than ${limitBytes}`,
    {
      context: { sizeBytes, limitBytes },
    },
  );
}

export function invalidRepository(name: string): CpmError {
  return createError(ociErrors, "oci/invalid-repository", `"${printable(name)}" is not a repository name`);
}

export function invalidTag(tag: string): CpmError {
  return createError(ociErrors, "oci/invalid-tag", `"${printable(tag)}" is not a tag`);
}

export function invalidHeader(header: string, value: string): CpmError {
  return createError(ociErrors, "oci/invalid-header", `the header ${header} does not parse: ${printable(value)}`);
}

/** `where` is the store's own name for itself: a directory, a registry. */
export function contentNotFound(where: string, digest: Digest | string): CpmError {
  return createError(ociErrors, "store/not-found", `${where} does not hold ${digest}`, { context: { digest } });
}

export function incompleteManifest(where: string, manifest: Digest, missing: readonly Digest[]): CpmError {
  return createError(
    ociErrors,
    "store/incomplete",
    `${where} cannot take manifest ${manifest}: ${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} missing`,
    { context: { manifest, missing } },
  );
}

export function digestMismatch(expected: Digest, actual: Digest): CpmError {
  return createError(ociErrors, "store/digest-mismatch", `expected ${expected}, got ${actual}`, {
    context: { expected, actual },
  });
}

export function contentTooLong(digest: Digest, sizeBytes: number): CpmError {
  return createError(ociErrors, "store/too-long", `${digest} goes on after the ${sizeBytes} bytes declared`, {
    context: { digest, sizeBytes },
  });
}

export function contentTooShort(digest: Digest, sizeBytes: number, actualBytes: number): CpmError {
  return createError(ociErrors, "store/too-short", `${digest} ends after ${actualBytes} of ${sizeBytes} bytes`, {
    context: { digest, sizeBytes, actualBytes },
  });
}
