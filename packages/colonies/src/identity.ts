import { secp256k1 } from "@noble/curves/secp256k1.js";
import { sha3_256 } from "@noble/hashes/sha3.js";
import { bytesToHex, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { coloniesError } from "./errors.ts";

/**
 * A key pair by which ColonyOS knows somebody. The private key leaves the object only by `exportPrivateKey`:
 * text, JSON and console output show the id.
 */
export class Identity {
  readonly id: string;
  readonly #privateKey: Uint8Array;

  private constructor(privateKey: Uint8Array) {
    this.#privateKey = privateKey;
    this.id = idOf(secp256k1.getPublicKey(privateKey, false));
  }

  /** Throws `colonies/invalid-key`; the text is not in the message. */
  static fromPrivateKey(hex: string): Identity {
    const clean = hex.trim().toLowerCase();
    if (!/^[0-9a-f]{64}$/.test(clean) || !secp256k1.utils.isValidSecretKey(hexToBytes(clean))) {
      throw coloniesError("colonies/invalid-key", `a text of ${hex.trim().length} characters is not a private key`);
    }
    return new Identity(hexToBytes(clean));
  }

  static generate(): Identity {
    return new Identity(secp256k1.utils.randomSecretKey());
  }

  /**
   * Signs a text as ColonyOS does: ECDSA over secp256k1 on the SHA3-256 of its UTF-8 bytes, deterministic nonce
   * (RFC 6979), low s; `r || s || v` in hex, v the raw recovery id.
   */
  sign(text: string): string {
    const signature = secp256k1.sign(sha3_256(utf8ToBytes(text)), this.#privateKey, {
      prehash: false,
      lowS: true,
      format: "recovered",
    });
    // The library puts the recovery id first, ColonyOS last.
    return bytesToHex(signature.slice(1)) + bytesToHex(signature.slice(0, 1));
  }

  exportPrivateKey(): string {
    return bytesToHex(this.#privateKey);
  }

  toString(): string {
    return this.id;
  }

  toJSON(): string {
    return this.id;
  }
}

/**
 * The id of whoever signed a text; undefined when the signature cannot be one. Any well-formed signature names
 * some id: whether that is the right one is for the caller to know.
 */
export function recoverId(text: string, signature: string): string | undefined {
  if (!/^[0-9a-f]{130}$/.test(signature)) return undefined;
  const bytes = hexToBytes(signature);
  const recovered = new Uint8Array(65);
  recovered.set(bytes.subarray(64), 0);
  recovered.set(bytes.subarray(0, 64), 1);
  try {
    const parsed = secp256k1.Signature.fromBytes(recovered, "recovered");
    if (parsed.hasHighS()) return undefined;
    return idOf(parsed.recoverPublicKey(sha3_256(utf8ToBytes(text))).toBytes(false));
  } catch {
    // The library throws for points that are not on the curve: no key can have signed so.
    return undefined;
  }
}

/** SHA3-256 of the hex text (not the bytes) of the uncompressed public key. */
function idOf(publicKey: Uint8Array): string {
  return bytesToHex(sha3_256(utf8ToBytes(bytesToHex(publicKey))));
}
