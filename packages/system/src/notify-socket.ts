import { ptr } from "bun:ffi";
import { openLibC } from "./libc.ts";

const unixFamily = 1;
const datagram = 2;
const maxPathBytes = 107;

const libc =
  process.platform === "linux"
    ? openLibC({
        socket: { args: ["int", "int", "int"], returns: "int" },
        sendto: { args: ["int", "ptr", "usize", "int", "ptr", "u32"], returns: "i64" },
        close: { args: ["int"], returns: "int" },
      })
    : undefined;

/**
 * Tells the service manager what sd_notify(3) would: `READY=1`, `WATCHDOG=1`, `STOPPING=1`. `address` is what
 * `NOTIFY_SOCKET` holds. False when nobody was told: there is no manager, or it has gone.
 */
export function notifyManager(address: string | undefined, state: string): boolean {
  if (libc === undefined || address === undefined || address === "") return false;
  const destination = socketAddress(address);
  if (destination === undefined) return false;
  const socket = libc.symbols.socket(unixFamily, datagram, 0);
  if (socket < 0) return false;
  try {
    const message = Buffer.from(state);
    const sent = libc.symbols.sendto(socket, ptr(message), message.length, 0, ptr(destination), destination.length);
    return Number(sent) === message.length;
  } finally {
    libc.symbols.close(socket);
  }
}

/** unix(7): the family, then the path; a name that begins with `@` is of the abstract namespace, with a zero in its place. */
function socketAddress(address: string): Buffer | undefined {
  const path = Buffer.from(address);
  if (path.length > maxPathBytes || !/^[/@]/.test(address)) return undefined;
  const abstract = address.startsWith("@");
  if (abstract) path[0] = 0;
  const family = Buffer.alloc(2);
  family.writeUInt16LE(unixFamily);
  return Buffer.concat(abstract ? [family, path] : [family, path, Buffer.from([0])]);
}
