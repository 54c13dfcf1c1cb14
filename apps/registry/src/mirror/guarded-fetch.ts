import { lookup } from "node:dns/promises";
import type { Fetch } from "@cpm/registry-client";
import { isPublicAddress } from "../network-address.ts";

/** The addresses of a host's name; the name itself where it is an address. */
export type Lookup = (hostname: string) => Promise<readonly string[]>;

/**
 * Refuses what an upstream sends us to on private networks, unless it is on one itself: a registry out there has no
 * business to make this one ask what only this one can reach. Redirects and token services come by here as well.
 */
export function guardedFetch(origin: URL, fetch: Fetch, addressesOf: Lookup = lookUp): Fetch {
  const isPrivate = async ({ hostname }: URL): Promise<boolean> => {
    const addresses = await addressesOf(hostname.replace(/^\[|\]$/g, ""));
    return addresses.some((address) => !isPublicAddress(address));
  };
  return async (address, init) => {
    const url = new URL(address);
    if (url.origin !== origin.origin && (await isPrivate(url)) && !(await isPrivate(origin)))
      throw new Error(`${origin.host} leads to ${url.host}, which is on a private network`);
    return fetch(address, init);
  };
}

/** A name that is unknown here leads nowhere, or a proxy knows it and has networks of its own. */
async function lookUp(hostname: string): Promise<readonly string[]> {
  try {
    return (await lookup(hostname, { all: true })).map(({ address }) => address);
  } catch {
    return [];
  }
}
