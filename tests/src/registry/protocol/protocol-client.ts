import type { Digest } from "@cpm/base";
import { formatManifest, parseChallenges } from "@cpm/oci";
import type { Descriptor, OciIndex, OciManifest } from "@cpm/oci";
import { basicHeader, imageOf } from "@cpm/registry/testing";
import { digestOf } from "@cpm/store";

/** A registry of the distribution specification, wherever it runs and whatever keeps its content. */
export interface ProtocolTarget {
  /** `http://host:port`. */
  readonly endpoint: string;
  /** Of a user who may push to and delete from the namespace; undefined where nobody is asked. */
  readonly credentials?: { readonly username: string; readonly password: string };
  /** The first part of the names of all repositories that are used. */
  readonly namespace: string;
}

export interface Call {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer> | string;
}

/** Requests as they stand in the specification; a challenge is answered, and nothing else is done behind the scenes. */
export class ProtocolClient {
  readonly #target: ProtocolTarget;
  /** Tokens, by the scope of the challenge that they answered. */
  readonly #tokens = new Map<string, string>();
  readonly #scopes = new Map<string, string>();
  #repositories = 0;

  constructor(target: ProtocolTarget) {
    this.#target = target;
  }

  /** The name of a repository that was never used. */
  fresh(): string {
    return `${this.#target.namespace}/protocol-${crypto.randomUUID().slice(0, 8)}-${this.#repositories++}`;
  }

  /** `path` may be a `Location`, which is absolute or relative. */
  async call(method: string, path: string, { headers = {}, body }: Call = {}): Promise<Response> {
    const url = new URL(path, this.#target.endpoint);
    const init = { method, redirect: "manual" as const, ...(body === undefined ? {} : { body }) };
    const key = `${method} ${url.pathname}`;
    const scope = this.#scopes.get(key);
    const known = scope === undefined ? undefined : this.#tokens.get(scope);
    const first = await fetch(url, { ...init, headers: { ...headers, ...bearer(known) } });
    if (first.status !== 401 || this.#target.credentials === undefined) return first;
    await first.body?.cancel();
    const token = await this.#answer(first.headers.get("www-authenticate") ?? "", key);
    return fetch(url, { ...init, headers: { ...headers, ...bearer(token) } });
  }

  /** In one POST. */
  async pushBlob(repository: string, body: Uint8Array<ArrayBuffer>, digest = digestOf(body)): Promise<Descriptor> {
    const { status } = await this.call("POST", `/v2/${repository}/blobs/uploads/?digest=${digest}`, { body });
    if (status !== 201) throw new Error(`the blob was answered with ${status}`);
    return { mediaType: "application/octet-stream", digest, sizeBytes: body.length };
  }

  /** Under each reference, or by its digest; the answer is the last one's. */
  async pushManifest(repository: string, manifest: OciManifest | OciIndex, ...references: readonly string[]) {
    const body = formatManifest(manifest);
    const descriptor: Descriptor = { mediaType: manifest.mediaType, digest: digestOf(body), sizeBytes: body.length };
    const headers = { "content-type": manifest.mediaType };
    let response: Response | undefined;
    for (const reference of references.length === 0 ? [descriptor.digest] : references)
      response = await this.call("PUT", `/v2/${repository}/manifests/${reference}`, { headers, body });
    if (response === undefined) throw new Error("nothing was pushed");
    return { response, descriptor, body };
  }

  /** A new repository with an image of the empty config in it, under these tags. */
  async repositoryWithImage(...tags: readonly string[]): Promise<{ repository: string; image: Descriptor }> {
    const repository = this.fresh();
    await this.pushBlob(repository, new TextEncoder().encode("{}"));
    const { descriptor, response } = await this.pushManifest(repository, imageOf(), ...tags);
    if (response.status !== 201) throw new Error(`the image was answered with ${response.status}`);
    return { repository, image: descriptor };
  }

  /** The `Location` of a new upload. */
  async begin(repository: string, query = ""): Promise<string> {
    const response = await this.call("POST", `/v2/${repository}/blobs/uploads/${query}`);
    if (response.status !== 202) throw new Error(`the upload was answered with ${response.status}`);
    return locationOf(response);
  }

  /** PATCH or PUT of what begins at a place. */
  chunk(method: "PATCH" | "PUT", location: string, start: number, body: Uint8Array<ArrayBuffer>): Promise<Response> {
    const headers = {
      "content-range": `${start}-${start + body.length - 1}`,
      "content-type": "application/octet-stream",
    };
    return this.call(method, location, { headers, body });
  }

  async #answer(header: string, key: string): Promise<string> {
    const [challenge, more] = parseChallenges(header);
    if (challenge?.scheme !== "bearer" || more !== undefined) throw new Error(`not one Bearer challenge: ${header}`);
    const { realm = "", service = "", scope = "" } = challenge.parameters;
    const url = new URL(realm);
    url.searchParams.set("service", service);
    for (const one of scope.split(" ").filter((text) => text !== "")) url.searchParams.append("scope", one);
    const headers = this.#target.credentials === undefined ? {} : basicHeader(this.#target.credentials);
    const response = await fetch(url, { headers });
    if (response.status !== 200) throw new Error(`the token was answered with ${response.status}`);
    const { token } = await response.json();
    this.#scopes.set(key, scope);
    this.#tokens.set(scope, token);
    return token;
  }
}

export function locationOf(response: Response): string {
  const location = response.headers.get("location");
  if (location === null) throw new Error("the answer has no Location");
  return location;
}

/** The closing address of an upload: a `Location` may have a query of its own. */
export function closing(location: string, digest: string): string {
  return `${location}${location.includes("?") ? "&" : "?"}digest=${encodeURIComponent(digest)}`;
}

/** The first code of an error's body. */
export async function codeIn(response: Response): Promise<string> {
  return (await response.json()).errors[0].code;
}

/** The address after `rel="next"`, which is relative to the page's. */
export function nextOf(response: Response): string | undefined {
  return /<([^>]+)>;\s*rel="?next"?/.exec(response.headers.get("link") ?? "")?.[1];
}

export function digestIn(response: Response): Digest | undefined {
  return (response.headers.get("docker-content-digest") ?? undefined) as Digest | undefined;
}

function bearer(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}
