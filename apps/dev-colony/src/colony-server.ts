import type { JsonObject, JsonValue } from "@cpm/base";
import { decodeUtf8, encodeUtf8, isJsonObject, parseJson, stringifyJson } from "@cpm/base";
import { recoverId } from "@cpm/colonies";
import { executorStates, numberIn, textIn } from "./colony-state.ts";
import type { ColonyState } from "./colony-state.ts";
import { decodeGo, GoTypeError } from "./go-json.ts";
import { assignNext, expireProcesses, removeStaleExecutors } from "./processes.ts";
import { Refusal } from "./refusal.ts";
import { administrationMethods } from "./rpc/administration.ts";
import { attributeMethods } from "./rpc/attributes.ts";
import { fileMethods } from "./rpc/files.ts";
import type { Method, MethodTable } from "./rpc/method.ts";
import { recordMethods } from "./rpc/records.ts";
import { scheduleMethods } from "./rpc/schedules.ts";
import { workMethods } from "./rpc/work.ts";
import { runSchedules } from "./schedules.ts";
import type { Row } from "./tables.ts";

const methods: MethodTable = {
  ...administrationMethods,
  ...workMethods,
  ...attributeMethods,
  ...scheduleMethods,
  ...recordMethods,
  ...fileMethods,
};
const assignFields = { colonyname: "string", timeout: "int", availablecpu: "string", availablemem: "string" } as const;
const serverInfo = { buildversion: "", buildtime: "" };

/** A frame that a client sent over the websocket, and how to send one back. */
export interface Subscriber {
  send(text: string): void;
  close(): void;
}

/** The server as a function from request to response, over a state; the clockwork is for the caller to wind. */
export class ColonyServer {
  readonly state: ColonyState;
  /** Assign calls that wait, in the order of asking: one new process wakes one of them. */
  readonly #waiting = new Set<() => void>();

  constructor(state: ColonyState) {
    this.state = state;
    state.listeners.add(() => {
      for (const wake of this.#waiting) wake();
    });
  }

  async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/health") return new Response("");
    if (pathname !== "/api" || request.method !== "POST") return new Response("404 page not found", { status: 404 });
    return this.#answer(await request.text(), request.signal);
  }

  /** What the server does every second: limits, stale executors, schedules. */
  tick(): void {
    expireProcesses(this.state);
    removeStaleExecutors(this.state);
    runSchedules(this.state);
  }

  /** Handles one subscription frame. Answers the function that ends the subscription. */
  subscribe(text: string, subscriber: Subscriber): () => void {
    const { payloadType, message, signer } = readEnvelope(text);
    const state = numberIn(message, "state");
    const processId = textIn(message, "processid");
    const single = payloadType === "subscribeprocessmsg";
    if (!single && this.state.executorById(signer, textIn(message, "colonyname")) === undefined) {
      subscriber.send(replyText("error", { status: 400, message: "executor not found" }, true));
      return () => {};
    }
    const push = (process: Row) => {
      const wanted = single ? process["processid"] === processId : true;
      if (wanted && process["state"] === state) subscriber.send(replyText("subscribeprocessmsg", process, false));
    };
    this.state.listeners.add(push);
    const present = single ? this.state.processes.get(processId) : undefined;
    if (present !== undefined) push(present);
    // The server closes the whole connection when its first subscription is over.
    const timer = setTimeout(() => subscriber.close(), numberIn(message, "timeout") * 1000);
    return () => {
      clearTimeout(timer);
      this.state.listeners.delete(push);
    };
  }

  async #answer(text: string, gone: AbortSignal): Promise<Response> {
    let payloadType = "";
    try {
      const envelope = readEnvelope(text);
      payloadType = envelope.payloadType;
      if (payloadType === "versionmsg") return reply(payloadType, { ...serverInfo, msgtype: "versionmsg" });
      if (payloadType === "getserverinfomsg")
        return reply(payloadType, { buildversion: "dev", buildtime: "", backends: [] });
      if (payloadType === "assignprocessmsg") return reply(payloadType, await this.#assign(envelope, gone));
      const method = methods[payloadType];
      if (method === undefined) throw new Refusal(403, `invalid rpcMsg.PayloadType: ${payloadType}`);
      const content = method.run({
        state: this.state,
        signer: envelope.signer,
        message: decodeMessage(method, envelope),
      });
      return content === undefined ? new Response("") : reply(method.replyType ?? payloadType, content);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const body = replyText("error", { status: error.status, message: error.message }, true);
      return new Response(body, { status: error.status, headers: textHeaders });
    }
  }

  /** Whoever hangs up gets nothing: the process stays for those who wait. */
  async #assign(envelope: Envelope, gone: AbortSignal): Promise<JsonValue> {
    const message = decodeMessage({ action: "assign process", fields: assignFields, run: () => null }, envelope);
    const colonyName = textIn(message, "colonyname");
    const { signer } = envelope;
    this.state.requireMember(signer, colonyName);
    const timeout = numberIn(message, "timeout");
    if (timeout === 0) throw new Refusal(400, "Invalid timeout value, timeout cannot be zero");
    const executor = this.state.executorById(signer, colonyName);
    if (executor === undefined) throw new Refusal(500, "Failed to assign process, executor not found");
    const key = `${colonyName}:${textIn(executor, "executorname")}`;
    this.state.executors.update(key, { lastheardfromtime: this.state.now() });
    const available = { cpu: textIn(message, "availablecpu"), memory: textIn(message, "availablemem") };
    const deadline = performance.now() + timeout * 1000;
    for (;;) {
      const paused = this.state.pauses.get(colonyName) !== undefined;
      if (paused && timeout < 0) throw new Refusal(503, "No processes available: colony assignments are paused");
      const present = this.state.executors.get(key);
      const process =
        paused || gone.aborted || present?.["state"] !== executorStates.approved
          ? undefined
          : assignNext(this.state, executor, available);
      if (process !== undefined) return process;
      const leftMs = deadline - performance.now();
      if (leftMs <= 0 || gone.aborted) {
        if (paused) throw new Refusal(408, "Assignment timeout: colony assignments are paused");
        throw new Refusal(404, "No process available for assignment");
      }
      await this.#change(leftMs);
    }
  }

  /** Until something changes, or the time is over. */
  async #change(durationMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, Math.min(durationMs, 500));
      this.#waiting.add(wake);
    });
  }
}

interface Envelope {
  readonly payloadType: string;
  readonly message: JsonObject;
  readonly signer: string;
}

const textHeaders = { "content-type": "text/plain; charset=utf-8" };
const unsigned = new Set(["versionmsg", "getserverinfomsg"]);

function readEnvelope(text: string): Envelope {
  const envelope = decodeEnvelope(text);
  const payloadType = textIn(envelope, "payloadtype");
  const payload = textIn(envelope, "payload");
  const signature = textIn(envelope, "signature");
  const read = () => readObject(Buffer.from(payload, "base64"));
  if (unsigned.has(payloadType)) return { payloadType, message: read(), signer: "" };
  if (signature.length !== 130) throw new Refusal(403, "Invalid signature length");
  const signer = recoverId(payload, signature);
  if (signer === undefined) throw new Refusal(403, "Invalid signature");
  return { payloadType, message: read(), signer };
}

function decodeEnvelope(text: string): JsonObject {
  const fields = { payloadtype: "string", payload: "string", signature: "string" } as const;
  try {
    const decoded = decodeGo({ struct: fields }, readObject(text));
    return isJsonObject(decoded) ? decoded : {};
  } catch (error) {
    if (error instanceof GoTypeError) throw new Refusal(400, "invalid JSON");
    throw error;
  }
}

function readObject(text: string | Uint8Array): JsonObject {
  try {
    const value = parseJson(typeof text === "string" ? text : decodeUtf8(text), { uniqueKeys: false });
    if (isJsonObject(value)) return value;
  } catch {
    // What is not JSON is refused below, as what is no object.
  }
  throw new Refusal(400, "invalid JSON");
}

function decodeMessage(method: Method, envelope: Envelope): JsonObject {
  let decoded: JsonValue;
  try {
    decoded = decodeGo({ struct: { msgtype: "string", ...method.fields } }, envelope.message);
  } catch (error) {
    if (error instanceof GoTypeError) throw new Refusal(400, `Failed to ${method.action}, invalid JSON`);
    throw error;
  }
  const message = isJsonObject(decoded) ? decoded : {};
  if (message["msgtype"] !== envelope.payloadType)
    throw new Refusal(400, `Failed to ${method.action}, msg.MsgType does not match payloadType`);
  return message;
}

function reply(payloadType: string, content: JsonValue): Response {
  return new Response(replyText(payloadType, content, false), { headers: textHeaders });
}

function replyText(payloadType: string, content: JsonValue, error: boolean): string {
  const payload = Buffer.from(encodeUtf8(stringifyJson(content))).toString("base64");
  return stringifyJson({ payloadtype: payloadType, payload, error });
}
