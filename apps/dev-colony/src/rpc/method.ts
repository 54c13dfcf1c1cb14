import type { JsonObject, JsonValue } from "@cpm/base";
import type { ColonyState } from "../colony-state.ts";
import type { GoType } from "../go-json.ts";

/** One call, decoded: the message has every field that its type names. */
export interface MethodCall {
  readonly state: ColonyState;
  /** The id that the signature recovers to. */
  readonly signer: string;
  readonly message: JsonObject;
}

/** What the server does for one payload type. */
export interface Method {
  /** `Failed to <this>, invalid JSON` and the like. */
  readonly action: string;
  readonly fields: Readonly<Record<string, GoType>>;
  /** Answers the reply's content; undefined for an empty HTTP body. Throws a `Refusal`. */
  readonly run: (call: MethodCall) => JsonValue | undefined;
  /** The payload type of the reply, where it is not the request's. */
  readonly replyType?: string;
}

export type MethodTable = Readonly<Record<string, Method>>;

export const empty: JsonObject = {};
