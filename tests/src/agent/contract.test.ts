import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  AgentService,
  EnsureRequestSchema,
  GetInfoRequestSchema,
  GetInfoResponseSchema,
  Health,
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  ResolveRequestSchema,
  ServingStatus,
} from "@cpm/agent-client/contract";
import { goPrograms, installGoProgram, whyNoGo } from "@cpm/dev-colony/programs";
import { defaultCacheDirectory } from "@cpm/dev-colony/real-colony";
import { AgentSite } from "./agent-site.ts";
import { RawClient, statusOf } from "./raw-client.ts";

let site: AgentSite;
let raw: RawClient;
beforeAll(async () => {
  site = await AgentSite.open();
  await site.universe.publish("rise/raw", "1.0.0", { files: { "payload/a": "a" } });
  raw = new RawClient(site.socket, { "grpc.max_send_message_length": -1 });
});
afterAll(async () => {
  raw.close();
  await site.close();
});

const path = (name: string) => `/cpm.agent.v1.AgentService/${name}`;
const info = (request: Parameters<typeof create<typeof GetInfoRequestSchema>>[1]) =>
  raw.bytes(path("GetInfo"), toBinary(GetInfoRequestSchema, create(GetInfoRequestSchema, request)));

describe("a client that knows only the contract", () => {
  test("agrees on an API level, or is told that there is none", async () => {
    const answer = fromBinary(GetInfoResponseSchema, await info({ minApiLevel: 1, maxApiLevel: 7 }));
    expect(answer).toMatchObject({ apiLevel: 1, minApiLevel: 1, maxApiLevel: 1, root: site.root, layoutVersion: 1 });
    expect(fromBinary(GetInfoResponseSchema, await info({})).apiLevel).toBe(1);
    expect(await statusOf(info({ minApiLevel: 2, maxApiLevel: 3 }))).toEqual({ status: 9, reason: "agent/api-level" });
    expect(await statusOf(info({ minApiLevel: 0, maxApiLevel: 0 }))).toEqual({ status: 9, reason: "agent/api-level" });
  });

  test("gets progress and one result, which is the last message", async () => {
    const messages = await raw.stream(AgentService.method.ensure, { package: { name: "rise/raw" } });
    expect(messages.map(({ update }) => update.case).filter((kind) => kind === "result")).toHaveLength(1);
    expect(messages.at(-1)?.update.case).toBe("result");
    expect(messages[0]?.update.case).toBe("progress");
  });

  test("is told of a method or a service that there is none", async () => {
    expect(await statusOf(raw.bytes(path("Explode"), new Uint8Array()))).toMatchObject({ status: 12 });
    expect(await statusOf(raw.bytes("/other.Service/Call", new Uint8Array()))).toMatchObject({ status: 12 });
  });

  test("that sends no message of the contract, or too large a one, fails alone", async () => {
    const { status } = await statusOf(raw.bytes(path("Resolve"), new Uint8Array([0xff, 0xff, 0xff])));
    expect([3, 13]).toContain(status);
    const large = create(ResolveRequestSchema, { requiredFeatures: ["x".repeat(5 * 1024 * 1024)] });
    const sent = raw.bytes(path("Resolve"), toBinary(ResolveRequestSchema, large));
    expect(await statusOf(sent)).toMatchObject({ status: 8 });
    expect(fromBinary(GetInfoResponseSchema, await info({})).apiLevel).toBe(1);
  });

  test("is held to its deadline", async () => {
    site.network.faults.push({ path: /never/, times: 50, stallAfter: -1 });
    const request = create(EnsureRequestSchema, { package: { name: "rise/never" } });
    const bytes = toBinary(EnsureRequestSchema, request);
    expect(await statusOf(raw.bytes(path("Ensure"), bytes, 300))).toMatchObject({ status: 4 });
    site.network.faults.splice(0);
  });

  test("that speaks no HTTP/2, or hangs up, disturbs nobody", async () => {
    for (const text of ["GET / HTTP/1.1\r\n\r\n", "\0".repeat(5000), ""]) {
      const socket = connect(site.socket);
      await new Promise<void>((resolve) => {
        socket.once("close", resolve);
        socket.on("error", () => {});
        socket.once("connect", () => {
          socket.write(text);
          setTimeout(() => socket.destroy(), 50);
        });
      });
    }
    expect(fromBinary(GetInfoResponseSchema, await info({})).apiLevel).toBe(1);
  });
});

describe("health, by gRPC's own service", () => {
  const check = async (service: string) => {
    const request = toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema, { service }));
    return fromBinary(HealthCheckResponseSchema, await raw.bytes(`/${Health.typeName}/Check`, request)).status;
  };

  test("is told of the process, the service and the registry", async () => {
    expect(await Promise.all(["", AgentService.typeName, "registry"].map(check))).toEqual(
      Array.from({ length: 3 }, () => ServingStatus.SERVING),
    );
    expect(await statusOf(check("nothing"))).toMatchObject({ status: 5 });
  });
});

const noGo = whyNoGo();
describe.skipIf(noGo !== undefined)("grpcurl, which learns the contract from the agent", () => {
  const grpcurl = async (...args: readonly string[]) => {
    const program = await installGoProgram(goPrograms.grpcurl, defaultCacheDirectory());
    const child = Bun.spawn([program, "-plaintext", ...args], { stdio: ["ignore", "pipe", "pipe"] });
    const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    return (await child.exited) === 0 ? out : err;
  };

  test("lists and describes it", async () => {
    const services = await grpcurl(`unix://${site.socket}`, "list");
    expect(services.trim().split("\n")).toEqual([
      "cpm.agent.v1.AgentService",
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
    ]);
    const described = await grpcurl(`unix://${site.socket}`, "describe", "cpm.agent.v1.EnsureRequest");
    expect(described).toContain("optional string expected_manifest_digest = 3;");
  }, 600_000);

  test("calls it, and shows errors with their details", async () => {
    const data = (value: unknown) => ["-d", JSON.stringify(value), `unix://${site.socket}`];
    const resolved = await grpcurl(...data({ package: { name: "rise/raw" } }), "cpm.agent.v1.AgentService/Resolve");
    expect(JSON.parse(resolved)).toMatchObject({ installed: { name: "rise/raw", version: "1.0.0" } });
    const request = { package: { name: "rise/raw", range: "^2" } };
    const failed = await grpcurl(...data(request), "cpm.agent.v1.AgentService/Ensure");
    expect(failed).toContain("Code: NotFound");
    expect(failed).toContain('"reason": "agent/no-version"');
    expect(failed).toContain("google.rpc.LocalizedMessage");
  }, 600_000);
});

test("why a test was skipped is said, and with CI set it fails", () => {
  if (noGo === undefined) return;
  process.stderr.write(`skipped: ${noGo}\n`);
  expect(process.env["CI"]).toBeUndefined();
});
