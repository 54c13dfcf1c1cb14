import { encodeUtf8, isJsonObject, parseJson, stringifyJson } from "@cpm/base";
import type { JsonObject, JsonValue } from "@cpm/base";
import type { Identity } from "@cpm/colonies";

/** A server to be judged by what it says on the wire. */
export interface ColonyUnderTest {
  readonly endpoint: string;
  readonly colonyName: string;
  readonly serverOwner: Identity;
  readonly colonyOwner: Identity;
  readonly user: Identity;
  addExecutor(name: string, type: string): Promise<Identity>;
  stop(): Promise<void>;
}

/** What came back: either content, or a refusal with its status and words. */
export interface Answer {
  readonly httpStatus: number;
  readonly text: string;
  readonly payloadType: string;
  readonly status: number;
  readonly message: string;
  readonly content: JsonValue;
}

export async function callWire(
  endpoint: string,
  payloadType: string,
  message: JsonObject,
  identity: Identity | undefined,
  msgType: string = payloadType,
): Promise<Answer> {
  const payload = Buffer.from(encodeUtf8(stringifyJson({ ...message, msgtype: msgType }))).toString("base64");
  return postWire(
    endpoint,
    stringifyJson({ payloadtype: payloadType, payload, signature: identity?.sign(payload) ?? "" }),
  );
}

export async function postWire(endpoint: string, body: string): Promise<Answer> {
  const response = await fetch(`${endpoint}/api`, { method: "POST", body });
  const text = await response.text();
  const base = { httpStatus: response.status, text };
  if (text === "") return { ...base, payloadType: "", status: response.status, message: "", content: null };
  const envelope = asObject(parseJson(text, { uniqueKeys: false }));
  const content = parseJson(Buffer.from(textOf(envelope["payload"]), "base64").toString("utf8"), { uniqueKeys: false });
  const refusal = envelope["error"] === true ? asObject(content) : {};
  return {
    ...base,
    payloadType: textOf(envelope["payloadtype"]),
    status: typeof refusal["status"] === "number" ? refusal["status"] : 200,
    message: textOf(refusal["message"] ?? ""),
    content,
  };
}

export function asObject(value: JsonValue | undefined): JsonObject {
  if (!isJsonObject(value)) throw new Error(`not an object: ${shown(value)}`);
  return value;
}

export function asList(value: JsonValue | undefined): readonly JsonObject[] {
  if (!Array.isArray(value)) throw new Error(`not a list: ${shown(value)}`);
  return value.map(asObject);
}

export function textOf(value: JsonValue | undefined): string {
  if (typeof value !== "string") throw new Error(`not a text: ${shown(value)}`);
  return value;
}

function shown(value: JsonValue | undefined): string {
  return value === undefined ? "nothing" : stringifyJson(value);
}
