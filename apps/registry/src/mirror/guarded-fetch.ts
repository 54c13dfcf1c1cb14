import { lookup } from "node:dns/promises";
import type { Fetch } from "@cpm/registry-client";

/** The addresses of a host's name; the name itself where it is an address. */
export type Lookup = (hostname: string) => Promise<readonly string[]>;

/**
 * Refuses what an upstream sends us to on private networks, unless it is on one itself: a registry out there has no
 * business to make this one ask what only this one can reach. Redirects and token services come by here as well.
 */
export function guardedFetch(origin: URL, fetch: Fetch, addressesOf: Lookup = lookUp): Fetch {
  let near: Promise<boolean> | undefined;
  return async (address, init) => {
    const url = new URL(address);
    if (url.origin !== origin.origin) {
      near ??= isPrivateHost(origin.hostname, addressesOf);
      if (!(await near) && (await isPrivateHost(url.hostname, addressesOf)))
        throw new Error(`${origin.host} leads to ${url.host}, which is on a private network`);
    }
    return fetch(address, init);
  };
}

async function isPrivateHost(hostname: string, addressesOf: Lookup): Promise<boolean> {
  return (await addressesOf(hostname.replace(/^\[|\]$/g, ""))).some(isPrivateAddress);
}

/** Networks that are not routed, by RFC 6890 and RFC 4193; an address as `URL` or the resolver writes it. */
export function isPrivateAddress(address: string): boolean {
  const mapped = /^::ffff:(?:(\d+\.\d+\.\d+\.\d+)|([0-9a-f]{1,4}):([0-9a-f]{1,4}))$/i.exec(address);
  if (mapped?.[1] !== undefined) return isPrivateAddress(mapped[1]);
  if (mapped?.[2] !== undefined) {
    const [high, low] = [Number.parseInt(mapped[2], 16), Number.parseInt(mapped[3] ?? "", 16)];
    return isPrivateAddress([high >> 8, high & 255, low >> 8, low & 255].join("."));
  }
  if (address.includes(":")) return /^(::1?$|f[cd]|fe[89ab])/i.test(address);
  const [first = 0, second = 0] = address.split(".").map(Number);
  return (
    first === 0 ||
    first === 10 ||
    first === 127 ||
    (first === 100 && second >= 64 && second < 128) ||
    (first === 169 && second === 254) ||
    (first === 172 && second >= 16 && second < 32) ||
    (first === 192 && second === 168)
  );
}

/** A name that is unknown here leads nowhere, or a proxy knows it and has networks of its own. */
async function lookUp(hostname: string): Promise<readonly string[]> {
  try {
    return (await lookup(hostname, { all: true })).map(({ address }) => address);
  } catch {
    return [];
  }
}
