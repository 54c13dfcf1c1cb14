import { create } from "@bufbuild/protobuf";
import type { DescMessage, DescMethod, DescService, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { methodCodec, toGrpcError } from "@cpm/agent-client/contract";
import type {
  sendUnaryData,
  ServerUnaryCall,
  ServerWritableStream,
  ServiceDefinition,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { CallGate, RunningCall } from "./call-gate.ts";
import type { Caller } from "./caller.ts";

export interface CallContext {
  readonly caller: Caller;
  /** Aborted when the client cancels, its deadline passes, or the agent ends the call. */
  readonly signal: AbortSignal;
}

export interface StreamContext<O extends DescMessage> extends CallContext {
  /** Sends a message, and resolves when the next one may be sent. */
  send(message: MessageInitShape<O>): Promise<void>;
  /** Sends a message unless the client has not yet read earlier ones. */
  offer(message: MessageInitShape<O>): void;
}

type Handler<M> = M extends {
  methodKind: "unary";
  input: infer I extends DescMessage;
  output: infer O extends DescMessage;
}
  ? (request: MessageShape<I>, call: CallContext) => Promise<MessageInitShape<O>>
  : M extends {
        methodKind: "server_streaming";
        input: infer I extends DescMessage;
        output: infer O extends DescMessage;
      }
    ? (request: MessageShape<I>, call: StreamContext<O>) => Promise<void>
    : never;

/** One function for each call of a service: parsed messages in, messages out, errors thrown. */
export type Handlers<S extends DescService> = { readonly [K in keyof S["method"]]: Handler<S["method"][K]> };

/** A service as the server takes it. */
export interface Implemented {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

/** Puts handlers behind the gate. This is the one place where a call begins, and where what is thrown becomes a status. */
export function implement<S extends DescService>(service: S, handlers: Handlers<S>, gate: CallGate): Implemented {
  const definition: Record<string, ReturnType<typeof methodCodec>> = {};
  const implementation: UntypedServiceImplementation = {};
  for (const method of service.methods) {
    const handler: unknown = handlers[method.localName as keyof S["method"]];
    definition[method.name] = methodCodec(method);
    implementation[method.name] =
      method.methodKind === "unary"
        ? answerUnary(method, handler as UnaryHandler, gate)
        : answerStream(method, handler as StreamHandler, gate);
  }
  return { definition, implementation };
}

type UnaryHandler = (request: unknown, call: CallContext) => Promise<MessageInitShape<DescMessage>>;
type StreamHandler = (request: unknown, call: StreamContext<DescMessage>) => Promise<void>;

function answerUnary(method: DescMethod, handler: UnaryHandler, gate: CallGate) {
  const answer = async (call: ServerUnaryCall<unknown, unknown>, done: sendUnaryData<unknown>): Promise<void> => {
    const running = gate.begin(method, call.getPeer());
    call.on("cancelled", () => running.cancel());
    try {
      running.admit();
      const message = await handler(call.request, running);
      done(null, create(method.output, message));
      running.end(undefined);
    } catch (error) {
      done(toGrpcError(running.end(error)));
    }
  };
  return (call: ServerUnaryCall<unknown, unknown>, done: sendUnaryData<unknown>): void => void answer(call, done);
}

function answerStream(method: DescMethod, handler: StreamHandler, gate: CallGate) {
  const answer = async (call: ServerWritableStream<unknown, unknown>): Promise<void> => {
    const running = gate.begin(method, call.getPeer());
    call.on("cancelled", () => running.cancel());
    try {
      running.admit();
      await handler(call.request, { ...contextOf(running), ...sending(method.output, call, running.signal) });
      call.end();
      running.end(undefined);
    } catch (error) {
      call.emit("error", toGrpcError(running.end(error)));
    }
  };
  return (call: ServerWritableStream<unknown, unknown>): void => void answer(call);
}

function contextOf({ caller, signal }: RunningCall): CallContext {
  return { caller, signal };
}

function sending(output: DescMessage, call: ServerWritableStream<unknown, unknown>, signal: AbortSignal) {
  return {
    async send(message: MessageInitShape<DescMessage>): Promise<void> {
      signal.throwIfAborted();
      if (!call.write(create(output, message))) await drained(call, signal);
    },
    offer(message: MessageInitShape<DescMessage>): void {
      if (!call.writableNeedDrain && !signal.aborted) call.write(create(output, message));
    },
  };
}

/** Resolves when the client has read so much that more may be sent. */
function drained(call: ServerWritableStream<unknown, unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason);
    signal.addEventListener("abort", leave, { once: true });
    call.once("drain", () => {
      signal.removeEventListener("abort", leave);
      resolve();
    });
  });
}
