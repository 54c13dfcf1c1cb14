import { invalidRepository, invalidTag } from "./errors.ts";

// distribution-spec v1.1, spec.md "Pulling manifests".
const repositoryPattern = /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$/;
const tagPattern = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
const maxRepositoryLength = 255;

export function isRepositoryName(text: string): boolean {
  return text.length <= maxRepositoryLength && repositoryPattern.test(text);
}

export function isTag(text: string): boolean {
  return tagPattern.test(text);
}

/** Throws `oci/invalid-repository`. At most 255 characters, since many registries and DNS names stop there. */
export function parseRepositoryName(text: string): string {
  if (!isRepositoryName(text)) throw invalidRepository(text);
  return text;
}

/** Throws `oci/invalid-tag`. */
export function parseTag(text: string): string {
  if (!isTag(text)) throw invalidTag(text);
  return text;
}
