import { baseErrors, createError } from "./errors.ts";

declare const digestBrand: unique symbol;

/** `algorithm:hex`, of a registered algorithm: sha256 or sha512 (OCI image-spec, descriptor.md). */
export type Digest = string & { readonly [digestBrand]: true };

export type DigestAlgorithm = "sha256" | "sha512";

const hexLengths: Readonly<Record<DigestAlgorithm, number>> = { sha256: 64, sha512: 128 };
const pattern = /^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

export function isDigest(text: string): text is Digest {
  return pattern.test(text);
}

/** Throws `digest/invalid` naming the text. Upper-case hex is refused: one content, one name. */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) {
    throw createError(baseErrors, "digest/invalid", `${JSON.stringify(text.slice(0, 160))} is not a digest`);
  }
  return text;
}

export function createDigest(algorithm: DigestAlgorithm, hex: string): Digest {
  if (hex.length !== hexLengths[algorithm])
    throw new TypeError(`a ${algorithm} digest has ${hexLengths[algorithm]} hex digits`);
  return parseDigest(`${algorithm}:${hex}`);
}

export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.startsWith("sha512:") ? "sha512" : "sha256";
}

export function digestHex(digest: Digest): string {
  return digest.slice(7);
}

/** The first twelve hex digits, enough for a person to tell two contents apart. */
export function shortDigest(digest: Digest): string {
  return digestHex(digest).slice(0, 12);
}
