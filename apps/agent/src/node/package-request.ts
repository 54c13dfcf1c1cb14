import type { Digest } from "@cpm/base";
import type { PackageName, Range, Version } from "@cpm/model/names";

/** Which of a package's versions, or of the node's trees, is meant. */
export type NodeSelector =
  | { readonly kind: "newest" }
  | { readonly kind: "version"; readonly version: Version }
  | { readonly kind: "range"; readonly range: Range }
  | { readonly kind: "manifest"; readonly digest: Digest }
  | { readonly kind: "tree"; readonly digest: Digest };

/** What a client asks for. The name is absent only where a digest says all. */
export interface PackageRequest {
  readonly name?: PackageName;
  readonly selector: NodeSelector;
}

/** For messages: `a/b@^1.2.0`, `sha256:…`. */
export function formatRequest({ name, selector }: PackageRequest): string {
  const text = formatSelector(selector);
  if (name === undefined) return text;
  return text === "" ? name : `${name}@${text}`;
}

function formatSelector(selector: NodeSelector): string {
  if (selector.kind === "newest") return "";
  if (selector.kind === "version") return selector.version.text;
  return selector.kind === "range" ? selector.range.text : selector.digest;
}
