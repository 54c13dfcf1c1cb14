import { openLibC } from "./libc.ts";

const SYNC_FILE_RANGE_WRITE = 2;

/** Linux alone has it. */
const libc = openLibC({ sync_file_range: { args: ["i32", "i64", "i64", "u32"], returns: "i32" } });

/**
 * Asks the kernel to begin writing a part of a file to the disk (sync_file_range(2)), so that the sync which has to
 * wait for it finds little left. Makes nothing durable, and does nothing where the system knows no such request: an
 * error of the disk is told to that sync.
 */
export function beginWriteback(file: number, startBytes: number, lengthBytes: number): void {
  libc?.symbols.sync_file_range(file, BigInt(startBytes), BigInt(lengthBytes), SYNC_FILE_RANGE_WRITE);
}
