/**
 * What both sides of the socket speak: the messages and services that `bun run contract` generates from `proto/`, and how
 * errors travel. The agent serves by it and the clients call by it; programs use `@cpm/agent-client`.
 */
export * from "../gen/cpm/agent/v1/agent_pb.js";
export {
  Health,
  HealthCheckRequestSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthCheckResponseSchema,
} from "../gen/grpc/health/v1/health_pb.js";
export type { HealthCheckResponse } from "../gen/grpc/health/v1/health_pb.js";
/** What the details of errors are made of, for tools that show them. */
export { file_google_rpc_error_details as errorDetailsFile } from "../gen/google/rpc/error_details_pb.js";
export { ServerReflection, ServerReflectionResponseSchema } from "../gen/grpc/reflection/v1/reflection_pb.js";
export type { ServerReflectionRequest, ServerReflectionResponse } from "../gen/grpc/reflection/v1/reflection_pb.js";
export { methodCodec } from "./method-codec.ts";
export type { MethodCodec } from "./method-codec.ts";
export { parseGrpcError, toGrpcError } from "./grpc-error.ts";
export type { GrpcError } from "./grpc-error.ts";
