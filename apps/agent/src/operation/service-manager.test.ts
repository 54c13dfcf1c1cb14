import { expect, test } from "bun:test";
import { inheritedSocket } from "./service-manager.ts";

test.each([
  [{ LISTEN_PID: "7", LISTEN_FDS: "1" }, 3],
  [{ LISTEN_PID: "7", LISTEN_FDS: "2" }, 3],
  [{ LISTEN_PID: "8", LISTEN_FDS: "1" }, undefined],
  [{ LISTEN_PID: "7", LISTEN_FDS: "0" }, undefined],
  [{ LISTEN_FDS: "1" }, undefined],
  [{}, undefined],
])("a socket is inherited by %p: %p", (environment, expected) => {
  expect(inheritedSocket(environment, 7)).toBe(expected as never);
});
