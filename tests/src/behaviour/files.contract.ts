import { describe, expect, test } from "bun:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { JsonObject, JsonValue } from "@cpm/base";
import { states } from "./behaviour.ts";
import type { Behaviour } from "./behaviour.ts";
import { asList, asObject } from "./wire.ts";

/** File records, snapshots and subscriptions. */
export function describeFiles(behaviour: Behaviour): void {
  const { unique, user, submit, newWorker, assign } = behaviour;

  describe("files", () => {
    const fileOf = (label: string, name: string, checksum: string): JsonObject => ({
      file: {
        colonyname: behaviour.colony.colonyName,
        label,
        name,
        size: 5,
        checksum,
        checksumalg: "SHA256",
        ref: {
          protocol: "s3",
          s3object: {
            server: "",
            port: -1,
            tls: false,
            accesskey: "",
            secretkey: "",
            region: "",
            encryptionkey: "",
            encryptionalg: "",
            object: "o",
            bucket: "b",
          },
        },
      },
    });

    test("keep their versions, newest first", async () => {
      const label = `/${unique("label")}`;
      for (const checksum of ["one", "two"])
        expect((await user("addfilemsg", fileOf(label, "f", checksum))).message).toBe("");
      const versions = asList((await user("getfilemsg", { label, name: "f" })).content);
      expect(versions.map((row) => row["checksum"])).toEqual(["two", "one"]);
      const listed = asList((await user("getfilesmsg", { label })).content);
      expect(listed.map((row) => [row["name"], row["checksum"]])).toEqual([["f", "two"]]);
    });

    test("that do not exist are not found", async () => {
      expect((await user("getfilemsg", { label: "/none", name: "f" })).status).toBe(404);
      expect((await user("getfilesmsg", { label: "/none" })).content).toEqual([]);
    });

    test("can be frozen in a snapshot", async () => {
      const label = `/${unique("label")}`;
      await user("addfilemsg", fileOf(label, "f", "one"));
      const name = unique("snapshot");
      const snapshot = asObject((await user("createsnapshotmsg", { label, name })).content);
      expect((snapshot["fileids"] as string[]).length).toBe(1);
      expect((await user("createsnapshotmsg", { label, name })).status).toBe(500);
      expect(asObject((await user("getsnapshotmsg", { name })).content)["snapshotid"]).toBe(
        snapshot["snapshotid"] ?? "",
      );
    });
  });

  describe("subscriptions", () => {
    const subscribe = (processid: JsonValue, state: number, timeout = 10): Promise<JsonObject> => {
      const message = {
        msgtype: "subscribeprocessmsg",
        colonyname: behaviour.colony.colonyName,
        processid,
        executortype: "",
        state,
        timeout,
      };
      const payload = btoa(JSON.stringify(message));
      const socket = new WebSocket(`${behaviour.colony.endpoint.replace("http", "ws")}/pubsub`);
      return new Promise((resolve, reject) => {
        socket.addEventListener("open", () =>
          socket.send(
            JSON.stringify({
              payloadtype: "subscribeprocessmsg",
              payload,
              signature: behaviour.colony.user.sign(payload),
            }),
          ),
        );
        socket.addEventListener("message", (event) => {
          const envelope = JSON.parse(String(event.data));
          resolve({ payloadtype: envelope.payloadtype, ...JSON.parse(atob(envelope.payload)) });
          socket.close();
        });
        socket.addEventListener("close", () => reject(new Error("closed")));
        socket.addEventListener("error", () => reject(new Error("error")));
      });
    };

    test("push a state that is already there", async () => {
      const process = await submit(unique("type"));
      const pushed = await subscribe(process["processid"] ?? "", states.waiting);
      expect([pushed["payloadtype"], pushed["processid"], pushed["state"]]).toEqual([
        "subscribeprocessmsg",
        process["processid"] ?? "",
        states.waiting,
      ]);
    });

    test("push a state when it comes", async () => {
      const { identity, type, call } = await newWorker();
      const processid = (await submit(type))["processid"] ?? "";
      await assign(identity);
      const pushed = subscribe(processid, states.success);
      await sleep(300);
      await call("closesuccessfulmsg", { processid, out: [] });
      expect((await pushed)["state"]).toBe(states.success);
    });

    test("end with the connection when their time is over", async () => {
      const process = await submit(unique("type"));
      expect(subscribe(process["processid"] ?? "", states.success, 1)).rejects.toThrow("closed");
      await sleep(2000);
    });
  });
}
