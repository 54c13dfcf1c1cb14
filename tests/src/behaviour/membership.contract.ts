import { describe, expect, test } from "bun:test";
import { Identity } from "@cpm/colonies";
import type { Behaviour } from "./behaviour.ts";
import { asList, asObject, callWire, postWire } from "./wire.ts";

/** Who may ask, who is who: the envelope, colonies, users. */
export function describeMembership(behaviour: Behaviour): void {
  const { unique, as, user, owner, server, refused } = behaviour;

  describe("the envelope", () => {
    test("health answers 200 with nothing", async () => {
      const response = await fetch(`${behaviour.colony.endpoint}/health`);
      expect([response.status, await response.text()]).toEqual([200, ""]);
    });

    test("another path is not found", async () => {
      const response = await fetch(`${behaviour.colony.endpoint}/other`);
      expect([response.status, await response.text()]).toEqual([404, "404 page not found"]);
    });

    test("version needs no signature", async () => {
      const answer = await callWire(
        behaviour.colony.endpoint,
        "versionmsg",
        { buildversion: "", buildtime: "" },
        undefined,
      );
      expect([answer.status, asObject(answer.content)["msgtype"]]).toEqual([200, "versionmsg"]);
    });

    test("server info needs no signature", async () => {
      expect((await callWire(behaviour.colony.endpoint, "getserverinfomsg", {}, undefined)).status).toBe(200);
    });

    test("a signature of the wrong length is refused", async () => {
      const payload = btoa('{"msgtype":"getexecutorsmsg","colonyname":"dev"}');
      refused(
        await postWire(
          behaviour.colony.endpoint,
          JSON.stringify({ payloadtype: "getexecutorsmsg", payload, signature: "ab" }),
        ),
        403,
        "Invalid signature length",
      );
    });

    test("a stranger's signature is a stranger", async () => {
      refused(
        await as(Identity.generate())("getexecutorsmsg", { colonyname: behaviour.colony.colonyName }),
        403,
        `Access denied, not a member of Colony with name <${behaviour.colony.colonyName}>`,
      );
    });

    test("a message type must be the payload type", async () => {
      refused(
        await callWire(
          behaviour.colony.endpoint,
          "getexecutorsmsg",
          { colonyname: behaviour.colony.colonyName },
          behaviour.colony.user,
          "getusersmsg",
        ),
        400,
        "Failed to get executors, msg.MsgType does not match payloadType",
      );
    });

    test.each(["{", "", '{"payloadtype":5}'])("a body of %j is refused", async (body) => {
      expect((await postWire(behaviour.colony.endpoint, body)).status).toBe(400);
    });

    test.each(["z".repeat(130), "0".repeat(130)])("a signature of %s is none", async (signature) => {
      const body = JSON.stringify({ payloadtype: "getexecutorsmsg", payload: btoa("{}"), signature });
      expect((await postWire(behaviour.colony.endpoint, body)).status).toBe(403);
    });

    test("calls are posted", async () => {
      const response = await fetch(`${behaviour.colony.endpoint}/api`);
      expect([response.status, await response.text()]).toEqual([404, "404 page not found"]);
    });

    test("an unknown payload type is refused", async () => {
      refused(await user("nonsensemsg"), 403, "invalid rpcMsg.PayloadType: nonsensemsg");
    });

    test("a wrong JSON type is invalid JSON", async () => {
      refused(await user("getprocessesmsg", { count: "ten", state: 0 }), 400, "Failed to get processes, invalid JSON");
    });

    test("unknown fields are ignored and names match in any case", async () => {
      const answer = await as(behaviour.colony.user)("getcolonymsg", {
        ColonyName: behaviour.colony.colonyName,
        nonsense: [1],
      });
      expect(asObject(answer.content)["name"]).toBe(behaviour.colony.colonyName);
    });
  });

  describe("colonies and users", () => {
    test("only the server's owner adds colonies", async () => {
      refused(
        await owner("addcolonymsg", { colony: { colonyid: Identity.generate().id, name: unique("colony") } }),
        403,
        "Access denied, not server owner",
      );
    });

    test("a colony's name is unique", async () => {
      refused(
        await server("addcolonymsg", {
          colony: { colonyid: Identity.generate().id, name: behaviour.colony.colonyName },
        }),
        400,
        `A Colony with name <${behaviour.colony.colonyName}> already exists`,
      );
    });

    test("a colony's id has 64 characters", async () => {
      refused(
        await server("addcolonymsg", { colony: { colonyid: "short", name: unique("colony") } }),
        400,
        "Failed to add colony, invalid colony Id length",
      );
    });

    test("a colony can be added, listed and removed", async () => {
      const extra = { colonyid: Identity.generate().id, name: unique("colony") };
      expect((await server("addcolonymsg", { colony: extra })).content).toEqual(extra);
      expect(asList((await server("getcoloniesmsg")).content)).toContainEqual(extra);
      expect((await server("removecolonymsg", { colonyname: extra.name })).content).toEqual({});
    });

    test("the owner is no member", async () => {
      refused(
        await owner("getcolonymsg"),
        403,
        `Access denied, not a member of Colony with name <${behaviour.colony.colonyName}>`,
      );
    });

    test("a user is added by the owner, once", async () => {
      const fields = {
        colonyname: behaviour.colony.colonyName,
        userid: Identity.generate().id,
        name: unique("user"),
        email: "a@b",
        phone: "1",
      };
      refused(await user("addusermsg", { user: fields }), 403, "Access denied, not colony owner");
      expect((await owner("addusermsg", { user: fields })).content).toEqual(fields);
      refused(
        await owner("addusermsg", { user: fields }),
        400,
        `A user with name <${fields.name}> already exists in Colony with name <${behaviour.colony.colonyName}>`,
      );
    });

    test("a user that does not exist is an internal error", async () => {
      const answer = await user("getusermsg", { name: "nobody" });
      expect(answer.status).toBe(500);
    });

    test("a user can be found by id and removed", async () => {
      const fields = {
        colonyname: behaviour.colony.colonyName,
        userid: Identity.generate().id,
        name: unique("user"),
        email: "",
        phone: "",
      };
      await owner("addusermsg", { user: fields });
      expect(asObject((await user("getuserbyidmsg", { userid: fields.userid })).content)["name"]).toBe(fields.name);
      expect((await owner("removeusermsg", { name: fields.name })).content).toEqual({});
      expect((await user("getuserbyidmsg", { userid: fields.userid })).status).toBe(404);
    });

    test("statistics of the colony answer strangers with nothing", async () => {
      const answer = await as(Identity.generate())("getcolonystatsmsg", { colonyname: behaviour.colony.colonyName });
      expect([answer.httpStatus, answer.text]).toEqual([200, ""]);
      expect(asObject((await user("getcolonystatsmsg")).content)["waitingprocesses"]).toBeNumber();
    });

    test("the cluster is told to the server's owner", async () => {
      refused(await user("getclustermsg"), 403, "Access denied, not server owner");
      const { leader, nodes } = asObject((await server("getclustermsg")).content);
      expect(asList(nodes)).toEqual([asObject(leader)]);
    });

    test("what is not there cannot be removed", async () => {
      refused(await owner("removeusermsg", { name: "nobody" }), 400, "User with name <nobody> not found");
      refused(await server("removecolonymsg", { colonyname: "nowhere" }), 400, "Colony with name <nowhere> not found");
    });

    test("a colony that does not exist has no members", async () => {
      refused(await user("getcolonymsg", { colonyname: "nowhere" }), 403, "Colony with name <nowhere> does not exists");
    });

    test("a user changes their own key", async () => {
      const [first, second] = [Identity.generate(), Identity.generate()];
      const name = unique("user");
      const { colonyName: colonyname } = behaviour.colony;
      await owner("addusermsg", { user: { colonyname, userid: first.id, name, email: "", phone: "" } });
      const change = (userid: string) => as(first)("changeuseridmsg", { colonyname, userid });
      refused(await change(""), 400, "Failed to change user Id, user Id is empty");
      refused(await change("short"), 400, "Failed to change user Id, new user Id is not 64 characters");
      expect((await change(second.id)).status).toBe(200);
      expect((await as(first)("getcolonymsg", { colonyname })).status).toBe(403);
      expect((await as(second)("getcolonymsg", { colonyname })).status).toBe(200);
    });

    test("an executor is no user whose key could change", async () => {
      const identity = await behaviour.colony.addExecutor(unique("executor"), unique("type"));
      refused(
        await as(identity)("changeuseridmsg", { colonyname: behaviour.colony.colonyName, userid: "0".repeat(64) }),
        400,
        "Failed to change user Id, user not found",
      );
    });

    test("the owner's key is changed by the owner", async () => {
      refused(await user("changecolonyidmsg", { colonyid: "x" }), 403, "Access denied, not colony owner");
      refused(
        await owner("changecolonyidmsg", { colonyid: "" }),
        400,
        "Failed to change colony Id, colony Id is empty",
      );
      refused(
        await owner("changecolonyidmsg", { colonyid: "x" }),
        400,
        "Failed to change colony Id, new colony Id is not 64 characters",
      );
    });

    test("server statistics are for the server's owner", async () => {
      refused(await user("getstatisticsmsg"), 403, "Access denied, not server owner");
      expect(asObject((await server("getstatisticsmsg")).content)["colonies"]).toBeNumber();
    });
  });
}
