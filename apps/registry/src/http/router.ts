import { isRepositoryName } from "@cpm/oci";

/** `namespace/name` of a package from the parts of a path. */
export function packageNameOf(namespace: string, name: string): string | undefined {
  const full = `${namespace}/${name}`;
  return isRepositoryName(full) ? full : undefined;
}

/** What does not decode stays as it is, and is then no name and no version. */
export function decodePathPart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
