import { createHash } from "node:crypto";

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const bodyLength = 30;
const checksumLength = 6;
const shape = /^cpm_[0-9A-Za-z]{36}$/;

/**
 * A new API token: `cpm_`, 30 random characters of 62 (178 bits), and 6 of a CRC-32 over them, by which a scanner of
 * leaked secrets knows one without asking anybody.
 */
export function createSecretToken(): string {
  let body = "";
  while (body.length < bodyLength) {
    // 248 is the highest multiple of 62 in a byte: above it some characters would come more often.
    for (const byte of crypto.getRandomValues(new Uint8Array(bodyLength)))
      if (byte < 248 && body.length < bodyLength) body += alphabet.charAt(byte % 62);
  }
  return `cpm_${body}${checksumOf(body)}`;
}

/** True for a text that was made as a token; whether it is known is another question. */
export function isSecretToken(text: string): boolean {
  return shape.test(text) && checksumOf(text.slice(4, 4 + bodyLength)) === text.slice(4 + bodyLength);
}

/** What is kept of a token. It has too many bits to be guessed, so one round of sha256 is enough. */
export function hashSecretToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

function checksumOf(body: string): string {
  let rest = Bun.hash.crc32(body);
  let text = "";
  for (let place = 0; place < checksumLength; place++) {
    text = alphabet.charAt(rest % 62) + text;
    rest = Math.floor(rest / 62);
  }
  return text;
}
