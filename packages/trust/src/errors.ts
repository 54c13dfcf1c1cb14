import type { CpmError, ErrorDetails } from "@cpm/base";
import { createError } from "@cpm/base";

export const trustErrors = {
  "trust/unsigned": {
    kind: "permission_denied",
    title: "No signature vouches for the package",
    hint: "Its publisher signs it with `cpm sign NAME@VERSION --key FILE`.",
  },
  "trust/bad-bundle": {
    kind: "data_loss",
    title: "A signature bundle that does not parse",
    hint: "Do not use the package before it is known who put the signature there, and why.",
  },
  "trust/not-understood": {
    kind: "permission_denied",
    title: "A signature of a kind that is not checked here",
    hint: "Only signatures by a key are checked, Ed25519 or ECDSA P-256, and none by a certificate.",
  },
  "trust/untrusted-key": {
    kind: "permission_denied",
    title: "The policy does not know the key",
    hint: "If the key is its publisher's, add it to the policy.",
  },
  "trust/bad-signature": {
    kind: "data_loss",
    title: "A signature that is not of its key",
    hint: "Do not use the package before it is known who put the signature there, and why.",
  },
  "trust/wrong-statement": {
    kind: "permission_denied",
    title: "The signature says something else than who published the package",
  },
  "trust/wrong-subject": {
    kind: "data_loss",
    title: "The signature is of another package",
    hint: "Do not use the package before it is known who put the signature there, and why.",
  },
  "trust/not-allowed-for-name": {
    kind: "permission_denied",
    title: "The key may not sign packages of this name",
    hint: "The policy says which names a key may sign: `packages` of the key.",
  },
  "trust/revoked": {
    kind: "permission_denied",
    title: "The key is revoked",
    hint: "Its publisher signs the version again with another key.",
  },
  "trust/not-yet-valid": { kind: "permission_denied", title: "The key does not count yet" },
  "trust/expired": {
    kind: "permission_denied",
    title: "The key does not count any more",
    hint: "Its publisher signs the version again with the key that followed.",
  },
  "trust/policy-invalid": {
    kind: "invalid_argument",
    title: "The trust policy is wrong",
    hint: "docs/trust.md shows one.",
  },
  "trust/key-invalid": {
    kind: "invalid_argument",
    title: "Not a key that signatures are made or checked with",
    hint: "Ed25519 or ECDSA P-256, as PEM: SPKI for a public key, unencrypted PKCS#8 for a private one.",
  },
  "trust/key-exposed": {
    kind: "failed_precondition",
    title: "The signing key is not for its user alone",
    hint: "Somebody may have read it. If nobody did: `chmod 600` the file.",
  },
} as const;

export type TrustErrorCode = keyof typeof trustErrors;

export function trustError(code: TrustErrorCode, message: string, details: ErrorDetails = {}): CpmError {
  return createError(trustErrors, code, message, details);
}
