import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { anyPack, anyUnpack } from "@bufbuild/protobuf/wkt";
import type { Any } from "@bufbuild/protobuf/wkt";
import { CpmError, toErrorRecord } from "@cpm/base";
import type { ErrorKind } from "@cpm/base";
import { Metadata } from "@grpc/grpc-js";
import { ErrorInfoSchema, LocalizedMessageSchema } from "../gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "../gen/google/rpc/status_pb.js";
import { agentClientError } from "./errors.ts";

/** An error as gRPC carries it. */
export interface GrpcError {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

/** In the order of their numbers (google.rpc.Code), from 1 on. */
const kinds: readonly ErrorKind[] = [
  "cancelled",
  "unknown",
  "invalid_argument",
  "deadline_exceeded",
  "not_found",
  "already_exists",
  "permission_denied",
  "resource_exhausted",
  "failed_precondition",
  "aborted",
  "out_of_range",
  "unimplemented",
  "internal",
  "unavailable",
  "data_loss",
  "unauthenticated",
];

const domain = "cpm";
const detailsKey = "grpc-status-details-bin";
const maxMessageLength = 2048;
const maxContextEntries = 16;
const maxContextLength = 256;

/**
 * An error for the wire: the kind as the status, code and context as `ErrorInfo`, the hint as `LocalizedMessage`. It is
 * cut to what fits into the trailers of a call; values of the context become text.
 */
export function toGrpcError(error: unknown): GrpcError {
  const { code: reason, kind, message, hint, context = {} } = toErrorRecord(error);
  const code = kinds.indexOf(kind) + 1;
  const details = message.slice(0, maxMessageLength);
  const info = create(ErrorInfoSchema, { reason, domain, metadata: contextTexts(context) });
  const advice = hint === undefined ? [] : [create(LocalizedMessageSchema, { locale: "en", message: hint })];
  const status = create(StatusSchema, {
    code,
    message: details,
    details: [anyPack(ErrorInfoSchema, info), ...advice.map((entry) => anyPack(LocalizedMessageSchema, entry))],
  });
  const metadata = new Metadata();
  metadata.set(detailsKey, Buffer.from(toBinary(StatusSchema, status)));
  return { code, details, metadata };
}

/** The error that an agent sent, or what a status without details stands for. `where` is the socket. */
export function parseGrpcError({ code, details, metadata }: GrpcError, where: string): CpmError {
  const sent = readDetails(metadata);
  const info = sent.map((entry) => anyUnpack(entry, ErrorInfoSchema)).find((entry) => entry?.domain === domain);
  if (info === undefined) return plainError(code, details, where);
  const hint = sent.map((entry) => anyUnpack(entry, LocalizedMessageSchema)).find((entry) => entry !== undefined);
  const context = Object.keys(info.metadata).length === 0 ? undefined : info.metadata;
  return new CpmError(info.reason, kinds[code - 1] ?? "unknown", details, { hint: hint?.message, context });
}

/** What the transport or a program in between says. */
function plainError(code: number, details: string, where: string): CpmError {
  const kind = kinds[code - 1] ?? "unknown";
  if (kind === "unavailable") return agentClientError("agent-client/unreachable", `${where}: ${details}`);
  if (kind === "deadline_exceeded") return agentClientError("agent-client/timeout", `${where}: ${details}`);
  return new CpmError("agent-client/protocol", kind, `${where}: ${details}`);
}

function readDetails(metadata: Metadata): readonly Any[] {
  const [bytes] = metadata.get(detailsKey);
  if (!(bytes instanceof Uint8Array)) return [];
  try {
    return fromBinary(StatusSchema, bytes).details;
  } catch {
    // Details are advice; the status itself says that the call failed.
    return [];
  }
}

function contextTexts(context: Readonly<Record<string, unknown>>): Record<string, string> {
  const entries = Object.entries(context).slice(0, maxContextEntries);
  return Object.fromEntries(entries.map(([key, value]) => [key, textOf(value).slice(0, maxContextLength)]));
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value, bigintAsText) ?? "");
}

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
