import { createHash, hash } from "node:crypto";
import { createDigest, digestAlgorithm } from "@cpm/base";
import type { ByteSource, Digest, DigestAlgorithm } from "@cpm/base";
import { contentTooLong, contentTooShort, digestMismatch } from "@cpm/oci";
import type { Descriptor } from "@cpm/oci";

export interface Hasher {
  update(chunk: Uint8Array): void;
  /** The digest of everything given. The hasher cannot be used afterwards. */
  digest(): Digest;
}

export function createHasher(algorithm: DigestAlgorithm = "sha256"): Hasher {
  const hash = createHash(algorithm);
  return {
    update: (chunk) => void hash.update(chunk),
    digest: () => createDigest(algorithm, hash.digest("hex")),
  };
}

export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = "sha256"): Digest {
  return createDigest(algorithm, hash(algorithm, bytes, "hex"));
}

/**
 * Passes a source through and checks it against its descriptor. The last chunk is held back until size and
 * digest are known to be right: throws `store/too-long`, `store/too-short` or `store/digest-mismatch`.
 */
export async function* verifiedBytes(source: ByteSource, content: Descriptor): AsyncGenerator<Uint8Array> {
  const hasher = createHasher(digestAlgorithm(content.digest));
  let sizeBytes = 0;
  let held: Uint8Array | undefined;
  for await (const chunk of source) {
    sizeBytes += chunk.length;
    if (sizeBytes > content.sizeBytes) throw contentTooLong(content.digest, content.sizeBytes);
    hasher.update(chunk);
    if (held !== undefined) yield held;
    held = chunk;
  }
  if (sizeBytes < content.sizeBytes) throw contentTooShort(content.digest, content.sizeBytes, sizeBytes);
  const actual = hasher.digest();
  if (actual !== content.digest) throw digestMismatch(content.digest, actual);
  if (held !== undefined) yield held;
}
