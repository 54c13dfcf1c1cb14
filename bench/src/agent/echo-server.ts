// Measured: `echo-server SOCKET` answers Resolve with an empty message, on the gRPC stack that the agent serves with.
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { sendUnaryData, ServerUnaryCall } from "@grpc/grpc-js";

const bytes = (value: Buffer): Buffer => value;
const empty = Buffer.alloc(0);
const definition = {
  Resolve: {
    path: "/cpm.agent.v1.AgentService/Resolve",
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  },
} as const;

const [socket = ""] = process.argv.slice(2);
const server = new Server();
server.addService(definition, {
  Resolve(_call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) {
    done(null, empty);
  },
});
await new Promise<void>((resolve, reject) => {
  server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) => {
    if (error === null) resolve();
    else reject(error);
  });
});
process.stdout.write("listening\n");
