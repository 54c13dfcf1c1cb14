import type { JsonObject, JsonValue } from "@cpm/base";
import { canonicalJson, concatBytes, encodeUtf8, isJsonObject } from "@cpm/base";
import { decodeBase64, encodeBase64 } from "@cpm/oci";
import { trustError } from "./errors.ts";
import { parseObject } from "./statement.ts";

/** Of the bundle, of the layer that it is, and of the referrer that carries it (cosign, BUNDLE_SPEC). */
export const bundleMediaType = "application/vnd.dev.sigstore.bundle.v0.3+json";
export const statementPayloadType = "application/vnd.in-toto+json";

/** Bytes of one bundle. One by a key has about a kilobyte. */
export const maxBundleBytes: number = 64 * 1024;
/** Bundles of one package that are looked at: whoever may push can add to them. */
export const maxBundles = 32;

/** A signature by a key, in the form of a Sigstore bundle v0.3 with a DSSE envelope. */
export interface SignatureBundle {
  /** Which key: base64 of the SHA-256 of its SPKI. Nothing is believed because of it. */
  readonly keyHint: string;
  readonly payloadType: string;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

/** What is signed: type and payload with their lengths, so that no two pairs have one text (DSSE v1, "Signature Definition"). */
export function preAuthenticationEncoding(payloadType: string, payload: Uint8Array): Uint8Array {
  const type = encodeUtf8(payloadType);
  return concatBytes([encodeUtf8(`DSSEv1 ${type.length} `), type, encodeUtf8(` ${payload.length} `), payload]);
}

/**
 * The bundle as JSON. The signature names no `keyid`: cosign compares it with ids of its own making, and passes over the
 * bundle when they differ.
 */
export function formatBundle({ keyHint, payloadType, payload, signature }: SignatureBundle): Uint8Array {
  return encodeUtf8(
    canonicalJson({
      mediaType: bundleMediaType,
      verificationMaterial: { publicKey: { hint: keyHint } },
      dsseEnvelope: {
        payload: encodeBase64(payload),
        payloadType,
        signatures: [{ sig: encodeBase64(signature) }],
      },
    }),
  );
}

/**
 * Reads a bundle. Throws `trust/not-understood` for one that may be right and is not by a key, and `trust/bad-bundle` for
 * everything that could be read in two ways: unknown keys in what is signed, several signatures, base64 that is not canonical.
 */
export function parseBundle(bytes: Uint8Array): SignatureBundle {
  if (bytes.length > maxBundleBytes) throw invalid(`it has more than ${maxBundleBytes} bytes`);
  const bundle = parseObject(bytes, "the bundle");
  if (bundle["mediaType"] !== bundleMediaType)
    throw trustError("trust/not-understood", `the bundle is not ${bundleMediaType}`);
  const keyHint = parseMaterial(bundle["verificationMaterial"]);
  if (!Object.hasOwn(bundle, "dsseEnvelope"))
    throw trustError("trust/not-understood", "the bundle has no DSSE envelope");
  if (Object.hasOwn(bundle, "messageSignature")) throw invalid("it has two contents");
  const envelope = only(bundle["dsseEnvelope"], ["payload", "payloadType", "signatures"], "dsseEnvelope");
  const { payloadType, signatures } = envelope;
  if (payloadType !== statementPayloadType) throw invalid(`its payloadType is not ${statementPayloadType}`);
  if (!Array.isArray(signatures) || signatures.length !== 1) throw invalid("it does not have exactly one signature");
  // `keyid` is a hint that nothing signs: it is read past, as DSSE asks.
  const signature = only(signatures[0], ["sig", "keyid"], "signatures[0]");
  return {
    keyHint,
    payloadType,
    payload: bytesOf(envelope["payload"], "payload"),
    signature: bytesOf(signature["sig"], "sig"),
  };
}

/** A certificate, a transparency log or a timestamp beside it is another way to trust, which this is not. */
function parseMaterial(value: JsonValue | undefined): string {
  if (!isJsonObject(value)) throw invalid("it has no verificationMaterial");
  const kinds = ["publicKey", "certificate", "x509CertificateChain"].filter((kind) => Object.hasOwn(value, kind));
  if (kinds.length !== 1) throw invalid("its verificationMaterial is not exactly one");
  const { publicKey } = value;
  if (!isJsonObject(publicKey)) throw trustError("trust/not-understood", `the bundle is signed by a ${kinds[0]}`);
  const { hint } = only(publicKey, ["hint"], "publicKey");
  if (typeof hint !== "string" || hint === "") throw invalid("its publicKey has no hint");
  return hint;
}

function only(value: JsonValue | undefined, known: readonly string[], what: string): JsonObject {
  if (!isJsonObject(value)) throw invalid(`its ${what} is not an object`);
  if (!Object.keys(value).every((key) => known.includes(key))) throw invalid(`its ${what} has unknown keys`);
  return value;
}

function bytesOf(value: JsonValue | undefined, what: string): Uint8Array {
  const bytes = typeof value === "string" ? decodeBase64(value) : undefined;
  if (bytes === undefined || bytes.length === 0) throw invalid(`its ${what} is not canonical base64`);
  return bytes;
}

function invalid(why: string) {
  return trustError("trust/bad-bundle", `the signature bundle is wrong: ${why}`);
}
