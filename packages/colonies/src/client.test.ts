import { describe, expect, test } from "bun:test";
import { isCpmError } from "@cpm/base";
import type { CpmError } from "@cpm/base";
import { encodeBase64 } from "./base64.ts";
import { ColoniesClient } from "./client.ts";
import { readEnvironment } from "./endpoint.ts";
import { serverStatus } from "./errors.ts";
import { Identity } from "./identity.ts";
import type { Fetch } from "./transport.ts";

const identity = Identity.generate();

/** A client whose server answers every call with one text. */
function clientOf(answer: Fetch): ColoniesClient {
  return new ColoniesClient({
    endpoint: "http://colony.test",
    colonyName: "dev",
    identity,
    fetch: answer,
    timeoutMs: 50,
  });
}

function reply(content: string, error = false, status = 200): Fetch {
  const payload = encodeBase64(new TextEncoder().encode(content));
  return async () => new Response(JSON.stringify({ payloadtype: "x", payload, error }), { status });
}

const refusal = (status: number, message: string) => reply(JSON.stringify({ status, message }), true, status);

async function faultOf(run: Promise<unknown>): Promise<CpmError> {
  try {
    await run;
  } catch (error) {
    if (isCpmError(error)) return error;
    throw error;
  }
  throw new Error("the call succeeded");
}

describe("answers", () => {
  test("null is an empty list", async () => {
    expect(await clientOf(reply("null")).executors.list()).toEqual([]);
  });

  test("int64 nanoseconds are exact", async () => {
    const entries = await clientOf(reply('[{"timestamp":1795328128848498123,"message":"x"}]')).logs.ofProcess("p");
    expect(entries[0]?.timestampNs).toBe(1795328128848498123n);
  });

  test("Go's zero time is no time, in whatever zone", async () => {
    const text =
      '[{"executorname":"e","state":1,"commissiontime":"2026-11-22T07:15:26.754145+01:00","lastheardfromtime":"0001-01-01T01:12:12+01:12"}]';
    const [executor] = await clientOf(reply(text)).executors.list();
    expect(executor?.lastHeardAt).toBeUndefined();
    expect(executor?.registeredAt?.toISOString()).toBe("2026-11-22T06:15:26.754Z");
    expect(executor?.state).toBe("approved");
  });

  test("an idle assign is no error", async () => {
    expect(await clientOf(refusal(404, "No process available for assignment")).processes.assign()).toBeUndefined();
  });

  test("an absent blueprint is no error", async () => {
    expect(await clientOf(refusal(404, "Blueprint not found")).blueprints.get("x")).toBeUndefined();
  });
});

describe("refusals", () => {
  test.each([
    [403, "Access denied, not a member of Colony with name <dev>", "colonies/denied"],
    [403, "Failed to close process as successful, process is not assigned", "colonies/state"],
    [409, "blueprint with name 'x' already exists in colony 'dev'", "colonies/exists"],
    [400, "Cron with name <c1> in Colony <dev> already exists", "colonies/exists"],
    [500, 'pq: duplicate key value violates unique constraint "x"', "colonies/exists"],
    [409, "cannot remove BlueprintDefinition 'd': 1 blueprint(s) of kind 'D' still exist", "colonies/in-use"],
    [500, "Failed to get executor, executor is nil", "colonies/not-found"],
    [404, "Failed to get process, process not found", "colonies/not-found"],
    [400, "Tried to cancel already cancelled process", "colonies/state"],
    [
      400,
      "Failed to cancel, cannot cancel a process part of a workflow, cancel the entire workflow instead",
      "colonies/state",
    ],
    [400, "Error converting CPU to int", "colonies/refused"],
    [500, "Duplicate nodename: a", "colonies/refused"],
    [408, "Assignment timeout: colony assignments are paused", "colonies/paused"],
    [503, "No processes available: colony assignments are paused", "colonies/paused"],
    [403, "Failed to set output, process is not running", "colonies/state"],
    [500, "Failed to get logs, process does not exist", "colonies/not-found"],
    [400, "User with name <nobody> not found", "colonies/not-found"],
    [400, "Attribute does not exists", "colonies/not-found"],
    [400, "dial tcp 127.0.0.1:5432: connect: connection refused", "colonies/no-database"],
    [400, "pq: the database system is starting up", "colonies/no-database"],
    [400, "pq: terminating connection due to administrator command", "colonies/no-database"],
    [400, "pq: invalid byte sequence", "colonies/refused"],
    [500, "something else", "colonies/server-error"],
  ])("%d %s is %s", async (status, message, code) => {
    const error = await faultOf(clientOf(refusal(status, message)).processes.get("p"));
    expect(error.code).toBe(code);
    expect(serverStatus(error)).toBe(status);
    expect(error.context?.["serverMessage"]).toBe(message);
  });

  test("the inner status counts, not HTTP's", async () => {
    const forwarded = reply(JSON.stringify({ status: 403, message: "Access denied, not colony owner" }), true, 200);
    expect((await faultOf(clientOf(forwarded).colony.get())).code).toBe("colonies/denied");
  });

  test("an empty answer tells a stranger from a member", async () => {
    expect((await faultOf(clientOf(async () => new Response("")).colony.statistics())).code).toBe("colonies/no-answer");
  });

  test.each(["<html>", '{"payload":5}', '{"payload":"!!"}', "[]", '{"payload":"e30"}x'])(
    "%s is no answer",
    async (text) => {
      expect((await faultOf(clientOf(async () => new Response(text)).colony.get())).code).toBe("colonies/protocol");
    },
  );

  test("a server that is not there is named, with what to check", async () => {
    const error = await faultOf(
      new ColoniesClient({ endpoint: "http://127.0.0.1:1", colonyName: "dev", identity }).colony.get(),
    );
    expect(error.code).toBe("colonies/unreachable");
    expect(error.hint).toContain("COLONIES_SERVER_HOST");
  });

  test("a silent server is given up, and a cancelled call rejects with its reason", async () => {
    const silent: Fetch = (_url, { signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))));
    expect((await faultOf(clientOf(silent).colony.get())).code).toBe("colonies/timeout");
    const reason = new Error("enough");
    const abort = new AbortController();
    const call = clientOf(silent).colony.get({ signal: abort.signal });
    abort.abort(reason);
    expect(call).rejects.toBe(reason);
  });

  test("a call without a key is not sent", async () => {
    const client = new ColoniesClient({ endpoint: "http://colony.test", colonyName: "dev" });
    expect((await faultOf(client.colony.get())).code).toBe("colonies/unauthenticated");
  });

  test("names and specs that would do damage are not sent", async () => {
    const client = clientOf(reply("{}"));
    expect((await faultOf(client.executors.add({ id: "x", name: "a:b", type: "t" }))).code).toBe(
      "colonies/invalid-name",
    );
    const blueprint = (text: string) => client.blueprints.add({ kind: "K", name: "b", spec: { text } });
    expect((await faultOf(blueprint("a\0b"))).code).toBe("colonies/invalid-spec");
    expect((await faultOf(blueprint("\\\0"))).code).toBe("colonies/invalid-spec");
    expect((await blueprint("the text \\u0000")).spec).toEqual({});
    expect((await faultOf(client.processes.submit({ funcname: "f", maxexectime: 0, conditions: {} }))).code).toBe(
      "colonies/invalid-spec",
    );
  });
});

describe("what is sent", () => {
  test("fills in limits that the server would take for zero, and keeps unknown fields", async () => {
    let sent: Record<string, Record<string, unknown>> = {};
    const client = clientOf(async (_url, { body }) => {
      sent = JSON.parse(atob(JSON.parse(body).payload));
      return reply("{}")("", { method: "", body: "", headers: {}, signal: new AbortController().signal });
    });
    await client.processes.submit({
      funcname: "f",
      custom: [1],
      conditions: { executortype: "t", colonyname: "other" },
    });
    expect(sent["spec"]).toMatchObject({
      maxexectime: -1,
      maxwaittime: -1,
      maxretries: -1,
      custom: [1],
      conditions: { colonyname: "dev", executortype: "t" },
    });
  });
});

describe("the environment", () => {
  test("is read as ColonyOS's own tools do", () => {
    expect(readEnvironment({})).toEqual({});
    expect(
      readEnvironment({ COLONIES_SERVER_HOST: "h", COLONIES_SERVER_PORT: "", COLONIES_COLONY_NAME: "dev" }),
    ).toEqual({ endpoint: "http://h:50080", colonyName: "dev" });
    expect(
      readEnvironment({ COLONIES_SERVER_HOST: "::1", COLONIES_SERVER_HTTP_PORT: "8080", COLONIES_TLS: "TRUE" })
        .endpoint,
    ).toBe("https://[::1]:8080");
    expect(() => readEnvironment({ COLONIES_SERVER_HOST: "h", COLONIES_SERVER_PORT: "x" })).toThrow("not a port");
  });
});
