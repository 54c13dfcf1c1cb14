import { expect, test } from "bun:test";
import { formatPeer, parsePeer } from "./caller.ts";

const administrators = new Set([0, 1000]);

test.each([
  [0, true],
  [1000, true],
  [1001, false],
  [4_294_967_294, false],
])("user %i is known by the address of the connection, with the right that follows", (uid, administrator) => {
  const peer = { uid, gid: 5, pid: 77 };
  expect(parsePeer(`${formatPeer(peer)}:0`, administrators)).toEqual({ ...peer, administrator });
});

test.each(["unknown", "127.0.0.1:80", "", "0.0.0.0:1", "0.0"])("%s is nobody, and no administrator", (address) => {
  expect(parsePeer(address, administrators)).toEqual({
    uid: undefined,
    gid: undefined,
    pid: undefined,
    administrator: false,
  });
});

test("a peer that the kernel does not tell is nobody", () => {
  expect(parsePeer(formatPeer(undefined), administrators).administrator).toBe(false);
});
