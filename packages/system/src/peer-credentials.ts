import { ptr } from "bun:ffi";
import { openLibC } from "./libc.ts";

/** Who is at the other end of a Unix domain socket, as the kernel saw them when they connected. */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** socket(7), on every architecture that we build for. */
const socketLevel = 1;
const peerCredentials = 17;

const libc =
  process.platform === "linux"
    ? openLibC({ getsockopt: { args: ["int", "int", "int", "ptr", "ptr"], returns: "int" } })
    : undefined;

/** Undefined where the kernel does not tell (SO_PEERCRED is Linux's), or for another sort of socket. */
export function peerCredentialsOf(socket: number): PeerCredentials | undefined {
  const found = new Int32Array(3);
  const length = new Uint32Array([found.byteLength]);
  const status = libc?.symbols.getsockopt(socket, socketLevel, peerCredentials, ptr(found), ptr(length));
  const [pid = 0, uid = 0, gid = 0] = found;
  // A socket without a peer of this machine answers a pid of 0 and an id of -1.
  return status === 0 && uid !== -1 ? { pid, uid: uid >>> 0, gid: gid >>> 0 } : undefined;
}
