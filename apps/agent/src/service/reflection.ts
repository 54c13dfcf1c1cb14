import { create, toBinary } from "@bufbuild/protobuf";
import type { DescFile, DescService, MessageInitShape } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import {
  errorDetailsFile,
  methodCodec,
  ServerReflection,
  ServerReflectionResponseSchema,
} from "@cpm/agent-client/contract";
import type { ServerReflectionRequest } from "@cpm/agent-client/contract";
import type { ServerDuplexStream, UntypedHandleCall } from "@grpc/grpc-js";
import type { Implemented } from "./implement.ts";

type Answer = NonNullable<MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]>;

/** Canonical codes that an answer may hold. */
const notFound = 5;
const unimplemented = 12;

/** grpc.reflection.v1 from the generated descriptors: tools such as grpcurl learn the contract from the agent itself. */
export function createReflection(services: readonly DescService[]): Implemented {
  const all = [...services, ServerReflection];
  const files = filesOf([...all.map(({ file }) => file), errorDetailsFile]);
  const { serverReflectionInfo } = ServerReflection.method;
  const handle = (call: ServerDuplexStream<ServerReflectionRequest, unknown>): void => {
    call.on("data", (request: ServerReflectionRequest) => {
      const messageResponse = answer(request, all, files);
      call.write(create(ServerReflectionResponseSchema, { originalRequest: request, messageResponse }));
    });
    call.on("end", () => call.end());
  };
  return {
    definition: { ServerReflectionInfo: methodCodec(serverReflectionInfo) },
    implementation: { ServerReflectionInfo: handle as UntypedHandleCall },
  };
}

function answer(
  { messageRequest: { case: kind, value } }: ServerReflectionRequest,
  services: readonly DescService[],
  files: ReadonlyMap<string, DescFile>,
): Answer {
  if (kind === "listServices") {
    const service = services.map(({ typeName }) => ({ name: typeName })).toSorted((a, b) => (a.name < b.name ? -1 : 1));
    return { case: "listServicesResponse", value: { service } };
  }
  if (kind === "fileByFilename") return fileAnswer(files.get(value), value);
  if (kind === "fileContainingSymbol")
    return fileAnswer(
      [...files.values()].find((file) => symbolsOf(file).has(value)),
      value,
    );
  return { case: "errorResponse", value: { errorCode: unimplemented, errorMessage: "there are no extensions" } };
}

function fileAnswer(file: DescFile | undefined, asked: string): Answer {
  if (file === undefined)
    return {
      case: "errorResponse",
      value: { errorCode: notFound, errorMessage: `there is no ${asked.slice(0, 200)}` },
    };
  const all = [...withDependencies(file)];
  const fileDescriptorProto = all.map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

/** By the names under which files import one another. */
function filesOf(files: readonly DescFile[]): ReadonlyMap<string, DescFile> {
  const all = files.flatMap((file) => [...withDependencies(file)]);
  return new Map(all.map((file) => [file.proto.name, file]));
}

function withDependencies(file: DescFile, seen: Set<DescFile> = new Set()): ReadonlySet<DescFile> {
  if (!seen.has(file)) {
    seen.add(file);
    for (const dependency of file.dependencies) withDependencies(dependency, seen);
  }
  return seen;
}

function symbolsOf({ messages, enums, services }: DescFile): ReadonlySet<string> {
  const methods = services.flatMap(({ typeName, methods: own }) => own.map(({ name }) => `${typeName}.${name}`));
  return new Set([...[...messages, ...enums, ...services].map(({ typeName }) => typeName), ...methods]);
}
