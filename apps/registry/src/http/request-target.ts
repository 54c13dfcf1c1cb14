import { parseOciPath } from "@cpm/oci";
import type { OciRoute } from "@cpm/oci";

/** What a request asks for, read once. */
export interface RequestTarget {
  readonly url: URL;
  readonly pathname: string;
  /** Undefined when it is no endpoint of the distribution specification. */
  readonly oci: OciRoute | undefined;
  /** Why it names no repository, where it is an endpoint: to be thrown by who answers it. */
  readonly fault?: unknown;
}

export function readTarget(address: string): RequestTarget {
  const url = new URL(address);
  const { pathname } = url;
  try {
    return { url, pathname, oci: parseOciPath(pathname) };
  } catch (fault) {
    return { url, pathname, oci: undefined, fault };
  }
}
