import { describe, expect, test } from "bun:test";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { bundleFromJSON } from "@sigstore/bundle";
import { toSignedEntity, Verifier } from "@sigstore/verify";
import { decodeUtf8, encodeUtf8, parseDigest } from "@cpm/base";
import { parsePackageName } from "@cpm/model";
import { generateSigningKeyPem, openSigner, sha256, signatureVerifier } from "@cpm/store";
import { formatBundle, maxBundleBytes, preAuthenticationEncoding } from "./bundle.ts";
import { formatPublicKeyPem, parsePublicKeyPem } from "./public-key.ts";
import { createSignatureBundle } from "./sign-package.ts";
import { parseTrustPolicy, requirementFor } from "./trust-policy.ts";
import { assertVouched, judgePackage } from "./verify-package.ts";

const name = parsePackageName("rise/tools");
const digest = parseDigest(`sha256:${"a".repeat(64)}`);
const other = parseDigest(`sha256:${"b".repeat(64)}`);
const ecdsaPem = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "pem", type: "pkcs8" });
const ada = openSigner(generateSigningKeyPem());
const ben = openSigner(ecdsaPem);
const eve = openSigner(generateSigningKeyPem());
const good = createSignatureBundle({ name, version: "1.0.0", digests: [digest] }, ada);
const nowMs = Date.parse("2026-06-01T00:00:00Z");

type Key = Readonly<Record<string, unknown>>;
const keyOf = (signer: typeof ada, more: Key = {}): Key => ({
  signer: "ada",
  publicKey: formatPublicKeyPem(signer.publicKey),
  packages: ["rise/*"],
  ...more,
});
const read = (document: unknown) => parseTrustPolicy({ path: "trust.json", text: JSON.stringify(document) }, sha256);
const policyOf = (...keys: readonly Key[]) => read({ apiVersion: "cpm.trust/v1", keys, require: { "*": "require" } });
const trusting = policyOf(keyOf(ada), keyOf(ben, { signer: "ben" }));

/** Why a package with these bundles is refused; undefined where somebody vouches. */
function codeOf(bundles: readonly Uint8Array[], policy = trusting, about = digest): string | undefined {
  const wanted = { name, digest: about, bundles };
  try {
    assertVouched(judgePackage(wanted, policy, nowMs, signatureVerifier), wanted);
    return undefined;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

interface Envelope {
  payload: string;
  payloadType: string;
  signatures: { sig: string; keyid?: string }[];
}
interface BundleDocument {
  verificationMaterial: Record<string, unknown>;
  dsseEnvelope: Envelope;
  [key: string]: unknown;
}
function changed(change: (bundle: BundleDocument) => void): Uint8Array {
  const bundle: BundleDocument = JSON.parse(decodeUtf8(good));
  change(bundle);
  return encodeUtf8(JSON.stringify(bundle));
}
function signed(statement: unknown): Uint8Array {
  const payload = encodeUtf8(JSON.stringify(statement));
  const payloadType = "application/vnd.in-toto+json";
  const signature = ada.sign(preAuthenticationEncoding(payloadType, payload));
  return formatBundle({ keyHint: ada.publicKey.hint, payloadType, payload, signature });
}
const statement = {
  _type: "https://in-toto.io/Statement/v1",
  subject: [{ name, digest: { sha256: "a".repeat(64) } }],
  predicateType: "https://colonyos.io/cpm/publish/v1",
};
const flipped = (base64: string, at: number): string => {
  const bytes = Buffer.from(base64, "base64");
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes.toString("base64");
};

describe("a signature counts", () => {
  test("of either kind of key, and says whose it is", () => {
    const ecdsa = createSignatureBundle({ name, version: "1.0.0", digests: [other, digest] }, ben);
    const verdict = judgePackage({ name, digest, bundles: [good, ecdsa] }, trusting, nowMs, signatureVerifier);
    expect(verdict.vouched.map(({ signer, keyId }) => [signer, keyId])).toEqual([
      ["ada", ada.publicKey.id],
      ["ben", ben.publicKey.id],
    ]);
    expect(verdict.refused).toEqual([]);
    expect(codeOf([signed(statement)])).toBeUndefined();
  });

  test("beside any number of others that do not", () => {
    const broken = changed(({ dsseEnvelope }) => (dsseEnvelope.signatures = []));
    expect(codeOf([encodeUtf8("no JSON"), broken, good])).toBeUndefined();
  });

  test("whatever keyid it names, which nothing signs", () => {
    expect(
      codeOf([changed(({ dsseEnvelope }) => Object.assign(dsseEnvelope.signatures[0] ?? {}, { keyid: "x" }))]),
    ).toBe(undefined);
  });

  test("for other programs too", () => {
    for (const signer of [ada, ben]) {
      const bundle = createSignatureBundle({ name, version: "1.0.0", digests: [digest] }, signer);
      const entity = toSignedEntity(bundleFromJSON(JSON.parse(decodeUtf8(bundle))));
      const pem = formatPublicKeyPem(signer.publicKey);
      const material = {
        certificateAuthorities: [],
        timestampAuthorities: [],
        tlogs: [],
        ctlogs: [],
        publicKey: () => ({ publicKey: createPublicKey(pem), validFor: () => true }),
      };
      // By a key alone there is no log and no timestamp to ask for.
      const verifier = new Verifier(material, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 });
      expect(() => verifier.verify(entity)).not.toThrow();
      const forged = JSON.parse(decodeUtf8(bundle));
      forged.dsseEnvelope.signatures[0].sig = flipped(forged.dsseEnvelope.signatures[0].sig, 20);
      expect(() => verifier.verify(toSignedEntity(bundleFromJSON(forged)))).toThrow();
    }
  });
});

describe("a signature does not count", () => {
  test.each<[string, string, Uint8Array]>([
    ["with another signature", "trust/bad-signature", changed((b) => setSig(b, (sig) => flipped(sig, 5)))],
    ["cut short", "trust/bad-signature", changed((b) => setSig(b, (sig) => cut(sig)))],
    ["of a changed statement", "trust/bad-signature", changed((b) => (b.dsseEnvelope.payload = reworded(b)))],
    ["whose file ends early", "trust/bad-bundle", good.subarray(0, good.length - 1)],
    ["of another payload type", "trust/bad-bundle", changed((b) => (b.dsseEnvelope.payloadType = "text/plain"))],
    ["with a second one", "trust/bad-bundle", changed(({ dsseEnvelope: e }) => e.signatures.push(...e.signatures))],
    ["with base64 of another form", "trust/bad-bundle", changed((b) => setSig(b, (sig) => sig.replace(/=+$/, "")))],
    ["with a key nobody knows", "trust/bad-bundle", changed((b) => Object.assign(b.dsseEnvelope, { more: 1 }))],
    ["too long", "trust/bad-bundle", new Uint8Array(maxBundleBytes + 1)],
    ["that names a key twice", "trust/bad-bundle", twice(good)],
    ["by two materials", "trust/bad-bundle", changed((b) => (b.verificationMaterial["certificate"] = {}))],
    ["by a certificate", "trust/not-understood", changed((b) => (b.verificationMaterial = { certificate: {} }))],
    ["of a later form", "trust/not-understood", changed((b) => (b["mediaType"] = "x.bundle.v9+json"))],
    ["by a key that is not trusted", "trust/untrusted-key", createSignatureBundle(stated(), eve)],
    ["in the name of a trusted key", "trust/bad-signature", inTheNameOf(createSignatureBundle(stated(), eve))],
    [
      "of another package's bytes",
      "trust/wrong-subject",
      createSignatureBundle({ ...stated(), digests: [other] }, ada),
    ],
    ["of another name", "trust/wrong-subject", createSignatureBundle({ ...stated(), name: named("rise/other") }, ada)],
    ["that says something else", "trust/wrong-statement", signed({ ...statement, predicateType: "https://x/scan" })],
    ["of no subject", "trust/bad-bundle", signed({ ...statement, subject: [] })],
    ["of an older kind of statement", "trust/bad-bundle", signed({ ...statement, _type: "https://x/v0.1" })],
  ])("%s: %s", (_what, code, bundle) => {
    expect(codeOf([bundle])).toBe(code);
  });

  test("beside another version, to which it was copied", () => {
    expect([codeOf([good]), codeOf([good], trusting, other)]).toEqual([undefined, "trust/wrong-subject"]);
  });

  test("when there is none", () => {
    expect(codeOf([])).toBe("trust/unsigned");
  });

  test.each<[string, string | undefined, Key]>([
    ["that is revoked", "trust/revoked", { revoked: true }],
    ["whose time is over", "trust/expired", { notAfter: "2026-05-31T23:59:59Z" }],
    ["whose time has not come", "trust/not-yet-valid", { notBefore: "2026-06-01T00:00:01Z" }],
    ["in its time", undefined, { notBefore: "2026-06-01T00:00:00Z", notAfter: "2026-06-01T00:00:00Z" }],
    ["that may sign others", "trust/not-allowed-for-name", { packages: ["rise/tools-extra", "ris/*", "tools/*"] }],
    ["that may sign this one", undefined, { packages: ["rise/tools"] }],
  ])("by a key %s: %s", (_what, code, more) => {
    expect(codeOf([good], policyOf(keyOf(ada, more)))).toBe(code);
  });

  test("and the reason that is told is the one that a trusted key has to do with", () => {
    const revoked = policyOf(keyOf(ada, { revoked: true }));
    expect(codeOf([encodeUtf8("{}"), good, createSignatureBundle(stated(), eve)], revoked)).toBe("trust/revoked");
  });
});

describe("a policy", () => {
  const document = { apiVersion: "cpm.trust/v1", keys: [keyOf(ada)], require: {} };

  test("asks for what the most specific pattern says", () => {
    const policy = read({ ...document, require: { "*": "warn", "rise/*": "require", "rise/free": "off" } });
    const asked = ["rise/tools", "rise/free", "other/tools"].map((text) => requirementFor(policy, named(text)));
    expect(asked).toEqual(["require", "off", "warn"]);
    expect(requirementFor(read(document), name)).toBe("off");
  });

  test.each<[string, unknown, RegExp]>([
    ["another version", { ...document, apiVersion: "cpm.trust/v2" }, /cpm\.trust\/v1/],
    ["an unknown key", { ...document, trust: "all" }, /trust/],
    ["no requirements", { apiVersion: "cpm.trust/v1", keys: [] }, /require/],
    ["a pattern in between", { ...document, require: { "rise/t*": "require" } }, /rise\/t\*/],
    ["an unknown requirement", { ...document, require: { "*": "maybe" } }, /maybe/],
    ["the same key twice", { ...document, keys: [keyOf(ada), keyOf(ada, { revoked: true })] }, /twice/],
    ["no key at all", { ...document, keys: [keyOf(ada, { publicKey: "ada" })] }, /public key/],
    ["a key for nothing", { ...document, keys: [keyOf(ada, { packages: [] })] }, /items/],
    ["a day that does not say when", { ...document, keys: [keyOf(ada, { notAfter: "2026-05-31" })] }, /not a time/],
  ])("with %s is refused whole", (_what, value, message) => {
    expect(() => read(value)).toThrow(message);
    expect(() => read(value)).toThrow(expect.objectContaining({ code: "trust/policy-invalid" }));
  });
});

test("a public key is the same after it was written, and others than two kinds are refused", () => {
  for (const { publicKey } of [ada, ben])
    expect(parsePublicKeyPem(formatPublicKeyPem(publicKey), sha256)).toEqual(publicKey);
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ format: "pem", type: "spki" });
  const wide = generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey.export({ format: "pem", type: "spki" });
  for (const pem of [rsa, wide, ecdsaPem, ""])
    expect(() => parsePublicKeyPem(pem, sha256)).toThrow(expect.objectContaining({ code: "trust/key-invalid" }));
  expect(() => openSigner("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n")).toThrow(
    expect.objectContaining({ message: "the signing key is not a private key as PEM" }),
  );
});

function named(text: string) {
  return parsePackageName(text);
}

function stated() {
  return { name, version: "1.0.0", digests: [digest] };
}

function setSig({ dsseEnvelope }: BundleDocument, change: (sig: string) => string): void {
  for (const signature of dsseEnvelope.signatures) signature.sig = change(signature.sig);
}

function cut(base64: string): string {
  return Buffer.from(base64, "base64").subarray(0, 63).toString("base64");
}

function reworded({ dsseEnvelope }: BundleDocument): string {
  const text = Buffer.from(dsseEnvelope.payload, "base64").toString().replaceAll("a".repeat(64), "c".repeat(64));
  return Buffer.from(text).toString("base64");
}

function twice(bundle: Uint8Array): Uint8Array {
  return encodeUtf8(decodeUtf8(bundle).replace('"mediaType":', '"mediaType":"x","mediaType":'));
}

function inTheNameOf(bundle: Uint8Array): Uint8Array {
  return encodeUtf8(decodeUtf8(bundle).replace(eve.publicKey.hint, ada.publicKey.hint));
}
