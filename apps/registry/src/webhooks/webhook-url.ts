import { accessInvalid } from "../access/access-invalid.ts";
import { addressOf, isPublicAddress } from "../network-address.ts";

const maxUrlLength = 2000;

/** https, or http to this machine; whether that may be is for the server to say. Throws `registry-server/access-invalid`. */
export function parseWebhookUrl(text: string): URL {
  const url = text.length > maxUrlLength ? null : URL.parse(text);
  if (url === null || url.username !== "" || url.password !== "" || url.hash !== "")
    throw accessInvalid(
      `a webhook's url is an https address without credentials, of at most ${maxUrlLength} characters`,
    );
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopbackHost(url.hostname)))
    throw accessInvalid("a webhook's url begins with https://");
  return url;
}

/**
 * For what can be said without looking a name up; what a name means is looked at with every delivery. Throws
 * `registry-server/access-invalid`.
 */
export function refusePrivateUrl(url: URL): void {
  const address = addressOf(url.hostname);
  if (url.protocol === "http:" || isLoopbackHost(url.hostname) || (address !== undefined && !isPublicAddress(address)))
    throw accessInvalid("a webhook's url leads to the internet, and not to a private network");
}

function isLoopbackHost(hostname: string): boolean {
  return /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[::1\])\.?$/.test(hostname);
}
