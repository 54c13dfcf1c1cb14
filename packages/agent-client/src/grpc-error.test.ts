import { describe, expect, test } from "bun:test";
import { CpmError, toErrorRecord } from "@cpm/base";
import type { ErrorKind } from "@cpm/base";
import { Metadata } from "@grpc/grpc-js";
import { parseGrpcError, toGrpcError } from "./grpc-error.ts";

const where = "/run/agent.sock";

/** google.rpc.Code, written down once more: the order of a list must not decide what an error means. */
const codes: Readonly<Record<ErrorKind, number>> = {
  cancelled: 1,
  unknown: 2,
  invalid_argument: 3,
  deadline_exceeded: 4,
  not_found: 5,
  already_exists: 6,
  permission_denied: 7,
  resource_exhausted: 8,
  failed_precondition: 9,
  aborted: 10,
  out_of_range: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  data_loss: 15,
  unauthenticated: 16,
};

describe("an error over the wire", () => {
  test.each(Object.entries(codes) as [ErrorKind, number][])(
    "of the kind %s is status %i and comes back",
    (kind, code) => {
      const error = new CpmError("layer/size", kind, "too long: ünd", {
        hint: "Try less.",
        context: { digest: "sha256:1" },
      });
      const sent = toGrpcError(error);
      expect(sent.code).toBe(code);
      expect(toErrorRecord(parseGrpcError(sent, where))).toEqual(toErrorRecord(error));
    },
  );

  test("brings the values of its context as text, so many and so much of them", () => {
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`k${index}`, 1n]));
    const error = new CpmError("a/b", "internal", "x".repeat(10_000), { context: { list: [1, "two"], ...many } });
    const parsed = parseGrpcError(toGrpcError(error), where);
    expect(parsed.message.length).toBe(2048);
    expect(Object.keys(parsed.context ?? {})).toHaveLength(16);
    expect(parsed.context).toMatchObject({ list: '[1,"two"]', k0: '"1"' });
    const long = new CpmError("a/b", "internal", "", { context: { long: "y".repeat(5000) } });
    expect(String(parseGrpcError(toGrpcError(long), where).context?.["long"])).toHaveLength(256);
  });

  test.each([
    [14, "agent-client/unreachable", "unavailable"],
    [4, "agent-client/timeout", "deadline_exceeded"],
    [8, "agent-client/protocol", "resource_exhausted"],
    [99, "agent-client/protocol", "unknown"],
  ])("without details is told by its status %i", (code, expected, kind) => {
    const metadata = new Metadata();
    expect(parseGrpcError({ code, details: "no", metadata }, where)).toMatchObject({ code: expected, kind });
    metadata.set("grpc-status-details-bin", Buffer.from([255, 255, 255]));
    expect(parseGrpcError({ code, details: "no", metadata }, where)).toMatchObject({ code: expected, kind });
  });
});
