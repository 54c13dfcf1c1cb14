import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fromBinary, fromJson, toBinary, toJson } from "@bufbuild/protobuf";
import type { DescMessage, DescMethod, JsonValue } from "@bufbuild/protobuf";
import { AgentService } from "@cpm/agent-client/contract";
import { AgentSite } from "./agent-site.ts";
import { FutureContract } from "./future-contract.ts";
import { RawClient, statusOf } from "./raw-client.ts";

/** One call as it went over the wire when its API level was new. */
interface Capture {
  readonly call: string;
  /** The bytes of the request, in hexadecimal digits. */
  readonly request: string;
  /** What must stand in the last answer, as JSON; or the status that the call ends with. */
  readonly answer?: JsonValue;
  readonly status?: { readonly status: number; readonly reason: string };
}

const captures: readonly Capture[] = JSON.parse(
  readFileSync(join(import.meta.dir, "testdata/api-level-1.json"), "utf8"),
).captures;

let site: AgentSite;
let raw: RawClient;
beforeAll(async () => {
  site = await AgentSite.open();
  raw = new RawClient(site.socket);
  await site.universe.publish("rise/skew", "1.0.0", { files: { "payload/a": "a" } });
  await site.client().ensure({ package: { name: "rise/skew" } });
});
afterAll(async () => {
  raw.close();
  await site.close();
});

const methodOf = (name: string): DescMethod => {
  const method = AgentService.methods.find((entry) => entry.name === name);
  if (method === undefined) throw new TypeError(`the contract has no ${name}`);
  return method;
};

/** Sends bytes by the path of a call and answers the last message, or the status. Watch is left at its first message. */
async function call(name: string, request: Uint8Array): Promise<Uint8Array | Awaited<ReturnType<typeof statusOf>>> {
  const path = `/${AgentService.typeName}/${name}`;
  let answer: Uint8Array | undefined;
  const ended = await statusOf(
    methodOf(name).methodKind === "unary"
      ? raw.bytes(path, request).then((bytes) => (answer = bytes))
      : raw.lastBytes(path, request, name === "Watch" ? 1 : undefined).then((bytes) => (answer = bytes)),
  );
  return answer ?? ended;
}

function expectAnswer(
  output: DescMessage,
  got: Awaited<ReturnType<typeof call>>,
  answer: Capture["answer"],
  status: Capture["status"],
): void {
  if (status !== undefined) expect(got).toEqual(status);
  else if (!(got instanceof Uint8Array)) throw new Error(`the call ended with ${JSON.stringify(got)}`);
  else expect(toJson(output, fromBinary(output, got))).toMatchObject(answer as object);
}

describe("a recorded client of API level 1", () => {
  test("there is a record of every call", () => {
    expect(new Set(captures.map(({ call: name }) => name))).toEqual(
      new Set(AgentService.methods.map(({ name }) => name)),
    );
  });

  test.each(captures.map((capture) => [capture.call, capture.request.slice(0, 24), capture] as const))(
    "is answered: %s %s",
    async (name, _, { request, answer, status }) => {
      const got = await call(name, Buffer.from(request, "hex"));
      expectAnswer(methodOf(name).output, got, answer, status);
    },
  );
});

describe("a client of a later contract", () => {
  const future = new FutureContract();
  const futureMethod = (name: string) => future.service.methods.find((method) => method.name === name) as DescMethod;

  test.each(captures.map((capture) => [capture.call, capture.request.slice(0, 24), capture] as const))(
    "gets what it would without what is new: %s %s",
    async (name, _, { request, answer, status }) => {
      const { input, output } = futureMethod(name);
      const marked = future.withFutureFields(input, fromBinary(input, Buffer.from(request, "hex")));
      const bytes = toBinary(input, marked);
      expect(bytes.length).toBeGreaterThan(request.length / 2);
      expectAnswer(output, await call(name, bytes), answer, status);
    },
  );

  test.each(AgentService.methods.map(({ name }) => [name]))(
    "may set everything, and %s answers or refuses",
    async (name) => {
      const { input } = futureMethod(name);
      const got = await call(name, toBinary(input, future.filled(input)));
      if (!(got instanceof Uint8Array)) expect(got.reason).toMatch(/^agent\//);
      expect(await site.client().checkHealth()).toBe("serving");
    },
  );

  test("is told of a call that there is not yet", async () => {
    expect(await statusOf(raw.bytes(`/${AgentService.typeName}/Prophesy`, new Uint8Array()))).toMatchObject({
      status: 12,
    });
  });

  test("and of a feature that it depends on and the agent lacks, by each call that changes or checks something", async () => {
    const wanted = { package: { name: "rise/skew" }, requiredFeatures: ["prophecy"] };
    for (const [name, request] of [
      ["Resolve", wanted],
      ["Ensure", wanted],
      ["Verify", wanted],
      ["Remove", { name: "rise/skew", version: "1.0.0", requiredFeatures: ["prophecy"] }],
    ] as const) {
      const { input } = methodOf(name);
      const got = await call(name, toBinary(input, fromJson(input, request as unknown as JsonValue)));
      expect([name, got]).toEqual([name, { status: 9, reason: "agent/feature-missing" }]);
    }
  });
});
