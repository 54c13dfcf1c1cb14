import { printable } from "@cpm/base";
import { protocolError } from "./errors.ts";

/**
 * Refuses an address that a registry has no business to send anybody to: another protocol than HTTP, plain http in
 * place of https, the link-local network (where clouds answer with a machine's credentials), and this machine
 * itself unless the registry is here. Names are not looked up. Throws `registry/protocol`.
 */
export function assertAllowedUrl(target: URL, registry: URL): void {
  const where = `${registry.host} sends this client to ${printable(target.href)}`;
  if (target.protocol !== "https:" && target.protocol !== "http:") throw protocolError(`${where}, which is not HTTP`);
  if (target.host === registry.host && target.protocol === registry.protocol) return;
  if (registry.protocol === "https:" && target.protocol === "http:")
    throw protocolError(`${where}, from https to http`);
  if (isLinkLocal(target.hostname)) throw protocolError(`${where}, a link-local address`);
  if (isLoopback(target.hostname) && !isLoopback(registry.hostname))
    throw protocolError(`${where}, which is this machine`);
}

/** `hostname` as `URL` gives it, which writes every form of an address in one way. */
export function isLoopback(hostname: string): boolean {
  const name = hostname.replace(/\.$/, "");
  return (
    /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|0\.0\.0\.0)$/.test(name) ||
    /^\[::(1|ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}|ffff:0:0)?\]$/.test(name)
  );
}

function isLinkLocal(hostname: string): boolean {
  return /^169\.254(\.\d{1,3}){2}$/.test(hostname) || /^\[(fe[89ab][0-9a-f]:|::ffff:a9fe:)/.test(hostname);
}
