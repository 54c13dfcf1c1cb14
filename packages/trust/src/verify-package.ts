import type { CpmError, Digest } from "@cpm/base";
import { isCpmError, printable } from "@cpm/base";
import type { PackageName } from "@cpm/model";
import { parseBundle, preAuthenticationEncoding } from "./bundle.ts";
import type { SignatureBundle } from "./bundle.ts";
import type { SignatureVerifier } from "./crypto.ts";
import { trustError } from "./errors.ts";
import { isAbout, parseStatement, publishPredicateType } from "./statement.ts";
import { mayName } from "./trust-policy.ts";
import type { TrustedKey, TrustPolicy } from "./trust-policy.ts";

export interface PackageToVerify {
  readonly name: PackageName;
  /** Of the manifest, or of the index over several platforms. */
  readonly digest: Digest;
  /** The signature bundles beside it, as they came. */
  readonly bundles: readonly Uint8Array[];
}

export interface Vouched {
  readonly signer: string;
  readonly keyId: string;
  /** The bundle, as it came. */
  readonly bundle: Uint8Array;
}

export interface Verdict {
  /** Who vouches for the package; nobody where this is empty. */
  readonly vouched: readonly Vouched[];
  /** Why each of the other bundles does not count. */
  readonly refused: readonly CpmError[];
}

interface Candidate {
  readonly name: PackageName;
  readonly digest: Digest;
  readonly bundle: SignatureBundle;
  readonly trusted: TrustedKey;
  readonly nowMs: number;
  readonly verifier: SignatureVerifier;
}

/** In this order: what a statement says is read only after its signature has been checked. Each throws its own error. */
const checks: readonly ((candidate: Candidate) => void)[] = [
  assertSignature,
  assertStatement,
  assertAllowedForName,
  assertNotRevoked,
  assertInForce,
];

/**
 * Judges every bundle by itself: one that is wrong, or that is not understood, takes nothing from another that counts.
 * `nowMs` is when it is judged, milliseconds since the epoch: when a signature by a key was made, nobody can say.
 */
export function judgePackage(
  { name, digest, bundles }: PackageToVerify,
  policy: TrustPolicy,
  nowMs: number,
  verifier: SignatureVerifier,
): Verdict {
  const vouched: Vouched[] = [];
  const refused: CpmError[] = [];
  for (const bytes of bundles) {
    try {
      const bundle = parseBundle(bytes);
      const trusted = assertTrustedKey(bundle, policy);
      for (const check of checks) check({ name, digest, bundle, trusted, nowMs, verifier });
      vouched.push({ signer: trusted.signer, keyId: trusted.key.id, bundle: bytes });
    } catch (error) {
      if (!isCpmError(error)) throw error;
      refused.push(error);
    }
  }
  return { vouched, refused };
}

/** Throws why nobody vouches: the reason that says most where there are several, `trust/unsigned` where there are no bundles. */
export function assertVouched({ vouched, refused }: Verdict, { name, digest }: PackageToVerify): void {
  if (vouched.length > 0) return;
  const [first] = refused.toSorted((left, right) => weight(right) - weight(left));
  const what = `${name} (${digest})`;
  if (first === undefined) throw trustError("trust/unsigned", `${what} has no signature`, { context: { digest } });
  const others = refused.length > 1 ? `; ${refused.length - 1} other signatures do not count either` : "";
  throw trustError(first.code as Parameters<typeof trustError>[0], `${what}: ${first.message}${others}`, {
    hint: first.hint,
    context: { digest, reasons: refused.slice(0, 10).map(({ code }) => code) },
  });
}

/** From what anybody could have put there to what a trusted key has to do with. */
const weights: readonly string[] = [
  "trust/not-understood",
  "trust/bad-bundle",
  "trust/untrusted-key",
  "trust/wrong-statement",
  "trust/bad-signature",
  "trust/wrong-subject",
  "trust/not-allowed-for-name",
  "trust/not-yet-valid",
  "trust/expired",
  "trust/revoked",
];

function weight({ code }: CpmError): number {
  return weights.indexOf(code);
}

function assertTrustedKey({ keyHint }: SignatureBundle, { keys }: TrustPolicy): TrustedKey {
  const trusted = keys.find(({ key }) => key.hint === keyHint);
  if (trusted !== undefined) return trusted;
  throw trustError("trust/untrusted-key", `it is signed with a key that is not trusted, "${printable(keyHint, 60)}"`);
}

function assertSignature({ bundle, trusted, verifier }: Candidate): void {
  const message = preAuthenticationEncoding(bundle.payloadType, bundle.payload);
  if (verifier.verify(trusted.key, message, bundle.signature)) return;
  throw trustError("trust/bad-signature", `a signature in the name of ${trusted.signer} is not of their key`);
}

function assertStatement({ bundle, name, digest, trusted }: Candidate): void {
  const statement = parseStatement(bundle.payload);
  if (statement.predicateType !== publishPredicateType) {
    const type = printable(statement.predicateType, 120);
    throw trustError("trust/wrong-statement", `${trusted.signer} signed a statement of type "${type}"`);
  }
  if (!isAbout(statement, name, digest))
    throw trustError("trust/wrong-subject", `${trusted.signer} signed something else`);
}

function assertAllowedForName({ trusted, name }: Candidate): void {
  if (mayName(trusted, name)) return;
  throw trustError("trust/not-allowed-for-name", `the key of ${trusted.signer} may not sign ${name}`);
}

function assertNotRevoked({ trusted }: Candidate): void {
  if (trusted.revoked) throw trustError("trust/revoked", `the key of ${trusted.signer} is revoked`);
}

function assertInForce({ trusted, nowMs }: Candidate): void {
  const { signer, notBeforeMs, notAfterMs } = trusted;
  if (notBeforeMs !== undefined && nowMs < notBeforeMs)
    throw trustError("trust/not-yet-valid", `the key of ${signer} counts from ${new Date(notBeforeMs).toISOString()}`);
  if (notAfterMs !== undefined && nowMs > notAfterMs)
    throw trustError("trust/expired", `the key of ${signer} counted until ${new Date(notAfterMs).toISOString()}`);
}
