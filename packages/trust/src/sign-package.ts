import type { Digest } from "@cpm/base";
import type { PackageName } from "@cpm/model";
import { formatBundle, preAuthenticationEncoding, statementPayloadType } from "./bundle.ts";
import type { Signer } from "./crypto.ts";
import { formatStatement } from "./statement.ts";

export interface StatedPackage {
  readonly name: PackageName;
  readonly version: string;
  /** Of the manifest or index, and of each platform's manifest. */
  readonly digests: readonly Digest[];
}

/** A bundle in which the signer says that a version is theirs. With Ed25519 the same bytes each time. */
export function createSignatureBundle({ name, version, digests }: StatedPackage, signer: Signer): Uint8Array {
  const payload = formatStatement(name, version, digests);
  const signature = signer.sign(preAuthenticationEncoding(statementPayloadType, payload));
  const keyHint = signer.publicKey.hint;
  return formatBundle({ keyHint, payloadType: statementPayloadType, payload, signature });
}
