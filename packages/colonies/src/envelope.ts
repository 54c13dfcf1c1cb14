import { decodeUtf8, encodeUtf8, isJsonObject, parseJson, stringifyJson } from "@cpm/base";
import type { JsonObject, JsonValue } from "@cpm/base";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { protocolFault, serverRefusal } from "./errors.ts";
import type { Identity } from "./identity.ts";

/** The text of a request: the message in base64, and a signature over that base64 text. */
export function formatRequest(payloadType: string, message: JsonObject, identity: Identity | undefined): string {
  const payload = encodeBase64(encodeUtf8(stringifyJson({ ...message, msgtype: payloadType })));
  return stringifyJson({ payloadtype: payloadType, payload, signature: identity?.sign(payload) ?? "" });
}

/**
 * The content of a reply. Throws the server's refusal, or `colonies/protocol` when the text is no reply. What
 * counts is the status inside the envelope: a forwarding node answers every call with HTTP 200.
 */
export function parseReply(payloadType: string, text: string): JsonValue {
  const envelope = parseObject(payloadType, text);
  const payload = envelope["payload"];
  const bytes = typeof payload === "string" ? decodeBase64(payload) : undefined;
  if (bytes === undefined) throw protocolFault(payloadType, "has no payload");
  const content = parseText(payloadType, decodeUtf8(bytes));
  if (envelope["error"] !== true) return content;
  const status = isJsonObject(content) && typeof content["status"] === "number" ? content["status"] : 500;
  const message =
    isJsonObject(content) && typeof content["message"] === "string" ? content["message"] : "no reason given";
  throw serverRefusal(payloadType, status, message);
}

function parseObject(payloadType: string, text: string): JsonObject {
  const value = parseText(payloadType, text);
  if (!isJsonObject(value)) throw protocolFault(payloadType, "is not an envelope");
  return value;
}

function parseText(payloadType: string, text: string): JsonValue {
  try {
    return parseJson(text, { file: "the answer", uniqueKeys: false });
  } catch (cause) {
    throw protocolFault(payloadType, "is not JSON", cause);
  }
}
