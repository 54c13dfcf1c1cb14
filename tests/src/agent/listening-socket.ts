import { ptr } from "bun:ffi";
import { openLibC } from "@cpm/system";

const unixFamily = 1;
const stream = 1;

/**
 * A listening socket that nobody accepts from yet, as a service manager holds one for the programs that it starts. Answers
 * its descriptor; it is listened on until this process closes it.
 */
export function listenWithoutAccepting(path: string): number {
  const libc = openLibC({
    socket: { args: ["int", "int", "int"], returns: "int" },
    bind: { args: ["int", "ptr", "u32"], returns: "int" },
    listen: { args: ["int", "int"], returns: "int" },
  });
  if (libc === undefined) throw new Error("there is no C library here");
  const address = Buffer.concat([Buffer.from([unixFamily, 0]), Buffer.from(path), Buffer.from([0])]);
  const socket = libc.symbols.socket(unixFamily, stream, 0);
  const bound = libc.symbols.bind(socket, ptr(address), address.length);
  if (socket < 0 || bound !== 0 || libc.symbols.listen(socket, 128) !== 0) throw new Error(`cannot listen at ${path}`);
  return socket;
}
