import { isJsonObject } from "@cpm/base";
import type { JsonObject } from "@cpm/base";
import type { CallOptions } from "@cpm/oci";
import { parseJsonAnswer, refusal } from "./answers.ts";
import { protocolError } from "./errors.ts";
import type { Transport } from "./transport.ts";

/** What the package index answers, as it is. */
export interface IndexDocument {
  /** To be shown when asking again. */
  readonly etag?: string;
  readonly document: JsonObject;
}

const maxBytes = 64 * 1024 * 1024;

/** The path of a package in the index, with what follows it. */
export function packagePath(name: string, view: "detail" | "resolution"): string {
  const path = `/api/v1/packages/${name.split("/").map(encodeURIComponent).join("/")}`;
  return view === "detail" ? path : `${path}/${view}`;
}

/** `unchanged` when the index still has what `etag` stands for, undefined when the registry has no such page. */
export async function indexDocument(
  transport: Transport,
  target: string,
  doing: string,
  { etag, signal }: CallOptions & { readonly etag?: string | undefined } = {},
): Promise<IndexDocument | "unchanged" | undefined> {
  const headers: Record<string, string> = etag === undefined ? {} : { "if-none-match": etag };
  const request = { method: "GET", target, scopes: [], identify: true, headers, signal } as const;
  const { response, bytes } = await transport.receive(request, maxBytes);
  if (response.status === 304) return "unchanged";
  const json = /^application\/([^;]+\+)?json\b/.test(response.headers.get("content-type") ?? "");
  if (response.status === 404 || response.status === 405 || (response.ok && !json)) return undefined;
  if (!response.ok) throw await refusal(transport, response, doing, signal, bytes);
  const document = parseJsonAnswer(bytes, `${transport.origin.host}${target}`);
  if (!isJsonObject(document)) throw protocolError(`the answer to ${target} is not an object`);
  const found = response.headers.get("etag");
  return { ...(found === null ? {} : { etag: found }), document };
}
