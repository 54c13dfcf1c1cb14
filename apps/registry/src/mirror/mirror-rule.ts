import { isRepositoryName } from "@cpm/oci";
import { UsageError } from "@cpm/service";

/** Which namespaces are another registry's, and which one. */
export interface MirrorRule {
  /** A namespace, or with `*` for any run of characters a pattern of those that this registry has not itself. */
  readonly pattern: string;
  /** Of the other registry: scheme and host. */
  readonly origin: URL;
  /** What its repositories' names begin with there, before the name here: empty, or ending in `/`. */
  readonly prefix: string;
}

/** Throws `UsageError` for what is not `NAMESPACE=https://HOST[/PREFIX]`. */
export function parseMirrorRule(text: string): MirrorRule {
  const [, pattern = "", address = ""] = /^([a-z0-9*][a-z0-9*._-]{0,63})=(https?:\/\/.+)$/.exec(text) ?? [];
  const url = URL.parse(address);
  const prefix = url?.pathname.replace(/^\/|\/$/g, "") ?? "";
  const plain = url !== null && url.username === "" && url.search === "" && url.hash === "";
  if (pattern === "" || !plain || (prefix !== "" && !isRepositoryName(prefix)))
    throw new UsageError(`"${text.slice(0, 100)}" is no mirror: acme=https://registry.example.org is one`);
  return { pattern, origin: new URL(url.origin), prefix: prefix === "" ? "" : `${prefix}/` };
}

export function isPattern({ pattern }: MirrorRule): boolean {
  return pattern.includes("*");
}
