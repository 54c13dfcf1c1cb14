import { generateKeyPairSync, sign } from "node:crypto";

/** A CI system that vouches for its jobs by OpenID Connect, on loopback. */
export interface CiIssuer {
  readonly issuer: string;
  /** The identity token of a job, good for five minutes. */
  idToken(claims: Readonly<Record<string, unknown>>): string;
  stop(): Promise<void>;
}

export function startCiIssuer(): CiIssuer {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      const { pathname, origin } = new URL(request.url);
      if (pathname !== "/keys") return Response.json({ issuer: origin, jwks_uri: `${origin}/keys` });
      return Response.json({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "one" }] });
    },
  });
  const issuer = `http://127.0.0.1:${server.port}`;
  return {
    issuer,
    idToken(claims) {
      const payload = { iss: issuer, aud: "cpm-registry", exp: Math.floor(Date.now() / 1000) + 300, ...claims };
      const parts = [{ alg: "EdDSA", kid: "one" }, payload].map((part) =>
        Buffer.from(JSON.stringify(part)).toString("base64url"),
      );
      const signature = sign(null, Buffer.from(parts.join(".")), privateKey).toString("base64url");
      return [...parts, signature].join(".");
    },
    stop: () => server.stop(true),
  };
}
