import type { PublicKey } from "./public-key.ts";

/** Checks one signature. Never throws: what is no signature at all is false. */
export interface SignatureVerifier {
  verify(key: PublicKey, message: Uint8Array, signature: Uint8Array): boolean;
}

/** Makes signatures with one private key. ECDSA signatures are DER, over the SHA-256 of the message. */
export interface Signer {
  readonly publicKey: PublicKey;
  sign(message: Uint8Array): Uint8Array;
}

/** SHA-256. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;
