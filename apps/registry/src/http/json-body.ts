import { collectBytes, decodeUtf8, isJsonObject, parseJson } from "@cpm/base";
import type { JsonObject } from "@cpm/base";
import { accessInvalid } from "../access/access-invalid.ts";

const maxBodyBytes = 64 * 1024;

/** The object that a request brings; an empty one when it brings nothing. Throws `registry-server/access-invalid`. */
export async function readJsonBody(request: Request): Promise<JsonObject> {
  if (request.body === null) return {};
  const bytes = await collectBytes(request.body as AsyncIterable<Uint8Array>, maxBodyBytes);
  if (bytes.length === 0) return {};
  const body = parseJson(decodeUtf8(bytes));
  if (!isJsonObject(body)) throw accessInvalid("the body is no JSON object");
  return body;
}

export function textField(body: JsonObject, key: string): string {
  const value = body[key];
  if (typeof value !== "string") throw accessInvalid(`"${key}" is missing, or no text`);
  return value;
}

export function optionalText(body: JsonObject, key: string): string | undefined {
  return body[key] === undefined ? undefined : textField(body, key);
}

export function optionalFlag(body: JsonObject, key: string): boolean | undefined {
  const value = body[key];
  if (value !== undefined && typeof value !== "boolean") throw accessInvalid(`"${key}" is neither true nor false`);
  return value;
}

export function textList(body: JsonObject, key: string, otherwise: readonly string[]): readonly string[] {
  const value = body[key];
  if (value === undefined) return otherwise;
  if (!Array.isArray(value) || !value.every((entry) => typeof entry === "string"))
    throw accessInvalid(`"${key}" is no list of texts`);
  return value;
}

/** Seconds from now, as milliseconds since the epoch; undefined for no end. */
export function optionalExpiry(body: JsonObject, key: string, now: number): number | undefined {
  const value = body[key];
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value <= 0 || value > maxLifetimeS)
    throw accessInvalid(`"${key}" is no number of seconds from 1 to ${maxLifetimeS}`);
  return now + value * 1000;
}

const maxLifetimeS = 10 * 366 * 24 * 3600;
