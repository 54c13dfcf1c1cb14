import { describe, expect, test } from "bun:test";
import { inspect } from "node:util";
import { formatRequest } from "./envelope.ts";
import { Identity, recoverId } from "./identity.ts";
import vectors from "./testdata/vectors.json";

describe("identities", () => {
  test.each(vectors.identities)("$name has its known id", ({ privateKey, id }) => {
    expect(Identity.fromPrivateKey(privateKey).id).toBe(id);
  });

  test("signatures are those of the Go implementation, byte for byte", () => {
    for (const { privateKey, text, signature } of vectors.signatures) {
      expect(Identity.fromPrivateKey(privateKey).sign(text)).toBe(signature);
    }
  });

  test("the signer is recovered, also from a signature with another nonce", () => {
    for (const { text, signature, id } of vectors.recoveries) expect(recoverId(text, signature)).toBe(id);
  });

  test("what cannot be a signature names nobody", () => {
    const [{ text, signature } = { text: "", signature: "" }] = vectors.recoveries;
    for (const wrong of [
      "",
      signature.slice(2),
      `${signature}00`,
      signature.toUpperCase(),
      `${"f".repeat(128)}00`,
      `${signature.slice(0, 128)}09`,
    ]) {
      expect(recoverId(text, wrong)).toBeUndefined();
    }
    expect(recoverId(`${text}!`, signature)).not.toBe(vectors.recoveries[0]?.id);
  });

  test("the envelope is the one that the server knows", () => {
    const { privateKey, payload, signature } = vectors.envelope;
    const identity = Identity.fromPrivateKey(privateKey);
    expect(JSON.parse(formatRequest("getexecutorsmsg", { colonyname: "dev" }, identity))).toEqual({
      payloadtype: "getexecutorsmsg",
      payload,
      signature,
    });
  });

  test("a new identity signs what recovers to it", () => {
    const identity = Identity.generate();
    expect(recoverId("text", identity.sign("text"))).toBe(identity.id);
    expect(Identity.fromPrivateKey(identity.exportPrivateKey()).id).toBe(identity.id);
  });

  test("the private key is not shown", () => {
    const identity = Identity.generate();
    const key = identity.exportPrivateKey();
    for (const shown of [
      String(identity),
      JSON.stringify({ identity }),
      inspect({ identity }, { depth: 9 }),
      Bun.inspect(identity),
    ]) {
      expect(shown).not.toContain(key);
    }
  });

  test.each(["", "abc", "0".repeat(64), "f".repeat(64), "g".repeat(64), "a".repeat(65)])(
    "%j is no private key",
    (text) => {
      const make = () => Identity.fromPrivateKey(text);
      expect(make).toThrow(expect.objectContaining({ code: "colonies/invalid-key" }));
      if (text.length > 10) expect(make).not.toThrow(text);
    },
  );
});
