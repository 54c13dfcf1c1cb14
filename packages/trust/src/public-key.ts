import { equalBytes } from "@cpm/base";
import { decodeBase64, encodeBase64 } from "@cpm/oci";
import type { Sha256 } from "./crypto.ts";
import { trustError } from "./errors.ts";

export interface PublicKey {
  readonly algorithm: KeyAlgorithm;
  /** SubjectPublicKeyInfo, DER (RFC 5280 §4.1). */
  readonly spki: Uint8Array;
  /** SHA-256 of `spki`, in hex: what people compare. */
  readonly id: string;
  /** The same in base64: how a bundle names its key. */
  readonly hint: string;
}

export type KeyAlgorithm = "ed25519" | "ecdsa-p256";

/** SubjectPublicKeyInfo of each algorithm up to the key's own bytes, and how many these are (RFC 8410 §4, RFC 5480 §2). */
const forms: Readonly<Record<KeyAlgorithm, { readonly prefix: Uint8Array; readonly keyBytes: number }>> = {
  ed25519: { prefix: fromHex("302a300506032b6570032100"), keyBytes: 32 },
  // The uncompressed point, which begins with 04: one key, one id.
  "ecdsa-p256": { prefix: fromHex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"), keyBytes: 64 },
};

const pemPattern = /^-----BEGIN PUBLIC KEY-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END PUBLIC KEY-----\s*$/;
const maxPemLength = 1000;

/** Reads PEM (RFC 7468 §13). Throws `trust/key-invalid`. */
export function parsePublicKeyPem(pem: string, sha256: Sha256): PublicKey {
  const body = pem.length > maxPemLength ? undefined : pemPattern.exec(pem)?.[1];
  const spki = body === undefined ? undefined : decodeBase64(body.replace(/[\r\n]/g, ""));
  if (spki === undefined) throw trustError("trust/key-invalid", "the text is not one public key as PEM");
  return createPublicKey(spki, sha256);
}

/** Throws `trust/key-invalid` for what is not exactly one Ed25519 or ECDSA P-256 key. */
export function createPublicKey(spki: Uint8Array, sha256: Sha256): PublicKey {
  const algorithm = algorithmOf(spki);
  if (algorithm === undefined)
    throw trustError("trust/key-invalid", "the public key is neither Ed25519 nor ECDSA P-256");
  const hash = sha256(spki);
  return { algorithm, spki, id: toHex(hash), hint: encodeBase64(hash) };
}

/** Inverse of `parsePublicKeyPem`. */
export function formatPublicKeyPem({ spki }: PublicKey): string {
  const lines = encodeBase64(spki).match(/.{1,64}/g) ?? [];
  return `-----BEGIN PUBLIC KEY-----\n${lines.join("\n")}\n-----END PUBLIC KEY-----\n`;
}

function algorithmOf(spki: Uint8Array): KeyAlgorithm | undefined {
  for (const algorithm of ["ed25519", "ecdsa-p256"] as const) {
    const { prefix, keyBytes } = forms[algorithm];
    if (spki.length !== prefix.length + keyBytes) continue;
    if (equalBytes(spki.subarray(0, prefix.length), prefix)) return algorithm;
  }
  return undefined;
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
