import { readFileSync, statSync } from "node:fs";
import { decodeUtf8 } from "@cpm/base";
import { openSigner, sha256, withFileErrors } from "@cpm/store";
import { parseTrustPolicy, trustError } from "@cpm/trust";
import type { Signer, TrustPolicy } from "@cpm/trust";

const maxPolicyBytes = 1024 * 1024;
const maxKeyBytes = 16 * 1024;

/** Throws `trust/policy-invalid`, or what reading the file throws. */
export function readTrustPolicy(path: string): TrustPolicy {
  const { text } = readText(path, maxPolicyBytes, "trust/policy-invalid");
  return parseTrustPolicy({ path, text }, sha256);
}

/** Throws `trust/key-exposed` for a file that others may read, `trust/key-invalid`, or what reading the file throws. */
export function readSigningKey(path: string): Signer {
  const { text, mode } = readText(path, maxKeyBytes, "trust/key-invalid");
  if ((mode & 0o077) !== 0) throw trustError("trust/key-exposed", `${path} may be read by others`);
  return openSigner(text);
}

function readText(path: string, maxBytes: number, code: "trust/policy-invalid" | "trust/key-invalid") {
  const { size, mode } = withFileErrors("read", path, () => statSync(path));
  if (size > maxBytes) throw trustError(code, `${path} has more than ${maxBytes} bytes`);
  return { text: decodeUtf8(withFileErrors("read", path, () => readFileSync(path))), mode };
}
