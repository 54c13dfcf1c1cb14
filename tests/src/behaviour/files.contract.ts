import { describe, expect, test } from "bun:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { JsonObject, JsonValue } from "@cpm/base";
import { states } from "./behaviour.ts";
import type { Behaviour } from "./behaviour.ts";
import { asList, asObject, textOf } from "./wire.ts";

/** File records, snapshots and subscriptions. */
export function describeFiles(behaviour: Behaviour): void {
  const { unique, user, submit, newWorker, assign, refused } = behaviour;

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

    test("that do not exist are removed without complaint", async () => {
      expect((await user("removefilemsg", { label: "/none", name: "f" })).content).toEqual({});
    });

    test("tell their latest version alone, and one by its id", async () => {
      const label = `/${unique("label")}`;
      for (const checksum of ["one", "two"]) await user("addfilemsg", fileOf(label, "f", checksum));
      const latest = asList((await user("getfilemsg", { label, name: "f", latest: true })).content);
      expect(latest.map((row) => row["checksum"])).toEqual(["two"]);
      const [newest] = latest;
      const byId = asList((await user("getfilemsg", { fileid: newest?.["fileid"] ?? "" })).content);
      expect(byId.map((row) => row["checksum"])).toEqual(["two"]);
    });

    test("have labels, which are listed by their beginning", async () => {
      const label = `/${unique("label")}`;
      await user("addfilemsg", fileOf(`${label}/a`, "f", "x"));
      await user("addfilemsg", fileOf(`${label}/b`, "f", "x"));
      await user("addfilemsg", fileOf(`${label}/b`, "g", "x"));
      await user("addfilemsg", fileOf(`${label}/b`, "g", "y"));
      const labels = asList((await user("getfilelabelsmsg", { name: label, exact: false })).content);
      // What is counted is versions.
      expect(Object.fromEntries(labels.map((row) => [textOf(row["name"]), row["files"]]))).toEqual({
        [`${label}/a`]: 1,
        [`${label}/b`]: 3,
      });
      expect((await user("getfilelabelsmsg", { name: label, exact: true })).content).toBeNull();
      expect((await user("getfilelabelsmsg", { name: "/no-such-label", exact: false })).content).toBeNull();
    });

    test("freeze with the labels below theirs, and not with a neighbour's", async () => {
      const label = `/${unique("label")}`;
      await user("addfilemsg", fileOf(`${label}/below`, "f", "one"));
      await user("addfilemsg", fileOf(`${label}-neighbour`, "f", "one"));
      const freeze = async () =>
        asObject((await user("createsnapshotmsg", { label, name: unique("snapshot") })).content)["fileids"];
      // A label without a file of its own freezes nothing at all.
      expect(await freeze()).toBeNull();
      await user("addfilemsg", fileOf(label, "f", "one"));
      expect(await freeze()).toHaveLength(2);
    });

    test("are frozen in no snapshot of another name", async () => {
      const answer = await user("getsnapshotmsg", { name: "none" });
      const place = `Colony <${behaviour.colony.colonyName}>`;
      expect([answer.status, answer.message]).toEqual([
        500,
        `Snapshot not found with name <none> in ${place} does not exists`,
      ]);
    });

    test("lose all snapshots at once to any member", async () => {
      const label = `/${unique("label")}`;
      await user("addfilemsg", fileOf(label, "f", "one"));
      await user("createsnapshotmsg", { label, name: unique("snapshot") });
      expect((await user("removeallsnapshotmsg")).content).toEqual({});
      expect((await user("getsnapshotsmsg")).content).toBeNull();
    });

    test("can be frozen in a snapshot", async () => {
      const label = `/${unique("label")}`;
      await user("addfilemsg", fileOf(label, "f", "one"));
      const name = unique("snapshot");
      const snapshot = asObject((await user("createsnapshotmsg", { label, name })).content);
      expect((snapshot["fileids"] as string[]).length).toBe(1);
      refused(
        await user("createsnapshotmsg", { label, name }),
        500,
        `Snapshot with name <${name}> in Colony <${behaviour.colony.colonyName}> already exists`,
      );
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

    test("to all processes are for executors", async () => {
      const message = {
        msgtype: "subscribeprocessesmsg",
        colonyname: behaviour.colony.colonyName,
        executortype: "t",
        state: states.running,
        timeout: 10,
      };
      const payload = btoa(JSON.stringify(message));
      const socket = new WebSocket(`${behaviour.colony.endpoint.replace("http", "ws")}/pubsub`);
      const frame = await new Promise<string>((resolve, reject) => {
        socket.addEventListener("open", () =>
          socket.send(
            JSON.stringify({
              payloadtype: "subscribeprocessesmsg",
              payload,
              signature: behaviour.colony.user.sign(payload),
            }),
          ),
        );
        socket.addEventListener("message", (event) => resolve(String(event.data)));
        socket.addEventListener("close", () => reject(new Error("closed")));
      });
      socket.close();
      const envelope = JSON.parse(frame);
      expect([envelope.error, atob(envelope.payload)]).toEqual([true, expect.stringContaining("executor not found")]);
    });

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
