import { createPrivateKey, createPublicKey as toNodeKey, generateKeyPairSync, hash, sign, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { createPublicKey, trustError } from "@cpm/trust/keys";
import type { Sha256, SignatureVerifier, Signer } from "@cpm/trust/keys";

export const sha256: Sha256 = (bytes) => hash("sha256", bytes, "buffer");

/** Ed25519 and ECDSA P-256 over SHA-256, by the runtime's own library. */
export const signatureVerifier: SignatureVerifier = {
  verify({ algorithm, spki }, message, signature) {
    try {
      const key = toNodeKey({ key: Buffer.from(spki), format: "der", type: "spki" });
      return verify(algorithm === "ed25519" ? null : "sha256", message, key, signature);
    } catch {
      // The library throws for a point that is on no curve, and some for signatures of a wrong form.
      return false;
    }
  },
};

/** Opens an unencrypted PKCS#8 private key, PEM. Throws `trust/key-invalid`, which never tells what was read. */
export function openSigner(pem: string): Signer {
  const key = readPrivateKey(pem);
  const spki = toNodeKey(key).export({ format: "der", type: "spki" });
  const publicKey = createPublicKey(new Uint8Array(spki), sha256);
  const algorithm = publicKey.algorithm === "ed25519" ? null : "sha256";
  return { publicKey, sign: (message) => new Uint8Array(sign(algorithm, message, key)) };
}

/** A new Ed25519 key, PKCS#8 as PEM. */
export function generateSigningKeyPem(): string {
  return generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" });
}

function readPrivateKey(pem: string): KeyObject {
  const begins = pem.startsWith("-----BEGIN PRIVATE KEY-----");
  try {
    if (begins) return createPrivateKey({ key: pem, format: "pem", type: "pkcs8" });
  } catch {
    // What the library says of it may repeat parts of the key.
  }
  throw trustError("trust/key-invalid", "the signing key is not a private key as PEM");
}
