import { isDigest } from "@cpm/base";
import type { Digest } from "@cpm/base";
import { invalidText } from "./errors.ts";
import { isPackageName } from "./package-name.ts";
import type { PackageName } from "./package-name.ts";
import { readRange } from "./range.ts";
import type { Range } from "./range.ts";
import { readVersion } from "./version.ts";
import type { Version } from "./version.ts";

/** Which version of a package is meant. */
export type Selector =
  | { readonly kind: "newest" }
  | { readonly kind: "version"; readonly version: Version }
  | { readonly kind: "range"; readonly range: Range }
  | { readonly kind: "digest"; readonly digest: Digest };

/** `[host[:port]/]namespace/name[@version|@range|@digest]`. */
export interface PackageReference {
  readonly registry?: string;
  readonly name: PackageName;
  readonly selector: Selector;
}

const hostPattern =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?$/;

/** Throws `reference/invalid` naming what is wrong with the text. */
export function parseReference(text: string): PackageReference {
  const at = text.indexOf("@");
  const path = at === -1 ? text : text.slice(0, at);
  const selector = at === -1 ? ({ kind: "newest" } as const) : readSelector(text.slice(at + 1));
  const parts = path.split("/");
  const name = parts.slice(-2).join("/");
  const registry = parts.length > 2 ? parts.slice(0, -2).join("/") : undefined;
  if (!isPackageName(name)) throw invalid(text, `"${name}" is not namespace/name`);
  if (registry !== undefined && !isRegistryHost(registry)) throw invalid(text, `"${registry}" is not host[:port]`);
  if (selector === undefined) throw invalid(text, `"${text.slice(at + 1)}" is no version, range or digest`);
  return { ...(registry === undefined ? {} : { registry }), name, selector };
}

export function formatReference(reference: PackageReference): string {
  const host = reference.registry === undefined ? "" : `${reference.registry}/`;
  const selector = formatSelector(reference.selector);
  return `${host}${reference.name}${selector === "" ? "" : `@${selector}`}`;
}

/** The text after `@`; empty for the newest version. */
export function formatSelector(selector: Selector): string {
  if (selector.kind === "newest") return "";
  if (selector.kind === "version") return selector.version.text;
  return selector.kind === "range" ? selector.range.text : selector.digest;
}

/** `host[:port]`, as registries are named in references and settings. */
export function isRegistryHost(text: string): boolean {
  if (!hostPattern.test(text)) return false;
  const port = /:(\d+)$/.exec(text.replace(/^\[[^\]]*\]/, ""))?.[1];
  return port === undefined || (Number(port) > 0 && Number(port) < 65_536);
}

function readSelector(text: string): Selector | undefined {
  if (text === "") return undefined;
  if (isDigest(text)) return { kind: "digest", digest: text };
  const version = readVersion(text);
  if (version !== undefined) return { kind: "version", version };
  const range = readRange(text);
  return range === undefined ? undefined : { kind: "range", range };
}

function invalid(text: string, why: string) {
  return invalidText("reference/invalid", "a package reference", text, why);
}
