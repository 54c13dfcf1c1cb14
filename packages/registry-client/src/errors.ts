import { createError } from "@cpm/base";
import type { CpmError, ErrorDetails } from "@cpm/base";

export const registryClientErrors = {
  "registry/unreachable": {
    kind: "unavailable",
    title: "The registry does not answer",
    hint: "Check the name, the network and any proxy. What was transferred is kept where it can be continued.",
  },
  "registry/unauthorized": {
    kind: "unauthenticated",
    title: "The registry wants other credentials",
    hint: "Log in with `cpm login`.",
  },
  "registry/denied": {
    kind: "permission_denied",
    title: "The registry does not permit this",
    hint: "Ask an owner of the package for access.",
  },
  "registry/not-found": { kind: "not_found", title: "The registry does not have it" },
  "registry/conflict": {
    kind: "already_exists",
    title: "The registry refuses to change what was published",
    hint: "A published version never changes. Publish a new version.",
  },
  "registry/too-large": { kind: "resource_exhausted", title: "More than the registry or this client accepts" },
  "registry/rate-limited": {
    kind: "resource_exhausted",
    title: "Too many requests",
    hint: "Wait a moment, then run the same command again.",
  },
  "registry/refused": { kind: "invalid_argument", title: "The registry refused the request" },
  "registry/server": { kind: "unavailable", title: "The registry failed", hint: "Try again later." },
  "registry/protocol": { kind: "data_loss", title: "The registry broke the protocol" },
  "registry/no-index": {
    kind: "unimplemented",
    title: "The registry has no package index",
    hint: "Name the package in full: a plain OCI registry cannot be searched.",
  },
  "registry/credentials": {
    kind: "failed_precondition",
    title: "Credentials could not be read or written",
    hint: "Look at the file or helper that is named. `cpm login` writes the file anew.",
  },
} as const;

export type RegistryClientErrorCode = keyof typeof registryClientErrors;

export function registryError(code: RegistryClientErrorCode, message: string, details: ErrorDetails = {}): CpmError {
  return createError(registryClientErrors, code, message, details);
}

export function protocolError(message: string, context: Readonly<Record<string, unknown>> = {}): CpmError {
  return registryError("registry/protocol", message, { context });
}

export function credentialsError(message: string, cause?: unknown): CpmError {
  return registryError("registry/credentials", message, { cause });
}
