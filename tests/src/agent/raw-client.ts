import { create } from "@bufbuild/protobuf";
import type { DescMessage, DescMethod, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { methodCodec, parseGrpcError } from "@cpm/agent-client/contract";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import type { ClientOptions, ServiceError } from "@grpc/grpc-js";

/** gRPC as any program speaks it: what comes back is a status, not an error of ours. */
export class RawClient {
  readonly #client: Client;

  constructor(socket: string, options: ClientOptions = {}) {
    this.#client = new Client(`unix:${socket}`, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
      ...options,
    });
  }

  /** Bytes for bytes, of a method by its path. */
  bytes(path: string, request: Uint8Array, deadlineMs = 10_000): Promise<Uint8Array> {
    const same = (message: Uint8Array): Buffer => Buffer.from(message);
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        path,
        same,
        (answer: Buffer) => answer,
        request,
        new Metadata(),
        { deadline: Date.now() + deadlineMs },
        (error: ServiceError | null, answer?: Buffer) =>
          error === null ? resolve(answer ?? new Uint8Array()) : reject(error),
      );
    });
  }

  /** The last message of a stream as bytes; after so many messages the stream is left. */
  async lastBytes(path: string, request: Uint8Array, count = Number.POSITIVE_INFINITY): Promise<Uint8Array> {
    const same = (message: Uint8Array): Buffer => Buffer.from(message);
    const call = this.#client.makeServerStreamRequest(path, same, (answer: Buffer) => answer, request);
    let last: Uint8Array = new Uint8Array();
    let messages = 0;
    for await (const message of call) {
      last = message;
      if (++messages >= count) break;
    }
    call.cancel();
    return last;
  }

  /** The messages of a stream. */
  async stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethod & { readonly input: I; readonly output: O },
    request: MessageInitShape<I>,
  ): Promise<MessageShape<O>[]> {
    const { path, requestSerialize, responseDeserialize } = methodCodec<I, O>(method);
    const message = create(method.input, request);
    const call = this.#client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, message);
    return Array.fromAsync(call);
  }

  close(): void {
    this.#client.close();
  }
}

/** Number and reason of the status that a call ends with. */
export async function statusOf(call: Promise<unknown>): Promise<{ readonly status: number; readonly reason: string }> {
  try {
    await call;
  } catch (error) {
    const failed = error as ServiceError;
    return { status: failed.code, reason: parseGrpcError(failed, "socket").code };
  }
  return { status: 0, reason: "" };
}
