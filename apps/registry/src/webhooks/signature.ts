import { createHmac } from "node:crypto";

const prefix = "whsec_";
const keyBytes = 32;

/** A key for signatures, in the form that libraries of the specification take. */
export function createWebhookSecret(): string {
  return `${prefix}${Buffer.from(crypto.getRandomValues(new Uint8Array(keyBytes))).toString("base64")}`;
}

/** What a delivery is signed by: the headers of https://github.com/standard-webhooks/standard-webhooks, "Symmetric". */
export function signedHeaders(
  secret: string,
  id: string,
  atMs: number,
  body: string,
): Readonly<Record<string, string>> {
  const timestampS = String(Math.floor(atMs / 1000));
  const key = Buffer.from(secret.slice(prefix.length), "base64");
  const signature = createHmac("sha256", key).update(`${id}.${timestampS}.${body}`).digest("base64");
  return { "webhook-id": id, "webhook-timestamp": timestampS, "webhook-signature": `v1,${signature}` };
}
