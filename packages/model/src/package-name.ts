import { invalidText } from "./errors.ts";

declare const packageNameBrand: unique symbol;
declare const releaseNameBrand: unique symbol;

/** `namespace/name`. The namespace is mandatory, so that a name means the same wherever it is resolved. */
export type PackageName = string & { readonly [packageNameBrand]: true };

/** What one installation of a package is called within a colony. */
export type ReleaseName = string & { readonly [releaseNameBrand]: true };

/** The grammar of one part, also for schemas and documentation. */
export const namePartPattern = "[a-z0-9]+(-[a-z0-9]+)*";
export const maxNamePartLength = 64;

/** Leaves room for `cpm.<release>.v<N>` and for a resource's own name within ColonyOS's 128 characters. */
export const maxReleaseNameLength = 48;

const part = new RegExp(`^${namePartPattern}$`);

function isPart(text: string, maxLength: number): boolean {
  return text.length <= maxLength && part.test(text);
}

export function isPackageName(text: string): text is PackageName {
  const parts = text.split("/");
  return parts.length === 2 && parts.every((entry) => isPart(entry, maxNamePartLength));
}

/** Throws `name/invalid-package`. */
export function parsePackageName(text: string): PackageName {
  if (!isPackageName(text)) throw invalidText("name/invalid-package", "a package name", text, reasonFor(text));
  return text;
}

/** The namespace and the last part. */
export function splitPackageName(name: PackageName): { readonly namespace: string; readonly base: string } {
  const slash = name.indexOf("/");
  return { namespace: name.slice(0, slash), base: name.slice(slash + 1) };
}

export function isReleaseName(text: string): text is ReleaseName {
  return isPart(text, maxReleaseNameLength);
}

/** Throws `name/invalid-release`. */
export function parseReleaseName(text: string): ReleaseName {
  if (!isReleaseName(text)) throw invalidText("name/invalid-release", "a release name", text);
  return text;
}

function reasonFor(text: string): string | undefined {
  if (!text.includes("/")) return "the namespace is missing";
  if (text.split("/").length > 2) return "it has more than two parts";
  if (/[A-Z]/.test(text)) return "it has capital letters";
  if (text.split("/").some((entry) => entry.length > maxNamePartLength)) return "a part is too long";
  return undefined;
}
